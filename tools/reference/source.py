"""A source file as text: what its names and calls stand for, as far as the text says."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef
_SAID = {"__name__": "type", "strerror": "error"}


class Module:
    """One file: its constants, its functions, and the modules that it imports."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.constants: dict[str, str] = {}
        self.functions: list[Function] = []
        self._imported: dict[str, Path] = {}
        tree = ast.parse(path.read_text("utf-8"))
        for node in tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(str(text))):
                    self.constants[name] = text
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    for target, value in zip(names, values, strict=True):
                        if isinstance(value, ast.Constant) and isinstance(value.value, str):
                            self.constants[ast.unparse(target)] = value.value
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self.functions.append(node)
                case ast.ImportFrom(module=str(module)):
                    for each in node.names:
                        dotted = f"{module}.{each.name}".replace(".", "/")
                        self._imported[each.asname or each.name] = PROJECT / f"{dotted}.py"

    @staticmethod
    @cache
    def read(path: Path) -> "Module":
        """Return a file, which is read once."""
        return Module(path)

    def constant(self, node: ast.expr) -> str | None:
        """Return the text that an expression stands for, here or in an imported module."""
        match node:
            case ast.Constant(str(text)):
                return text
            case ast.Name(id=name):
                return self.constants.get(name)
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                found = self._module(module)
                return found.constants.get(name) if found else None
        return None

    def called(self, node: ast.expr) -> "tuple[Module, Function] | None":
        """Return the function that a call calls and its module; None if neither is known."""
        match node:
            case ast.Call(func=ast.Name(id=name)):
                module: Module | None = self
            case ast.Call(func=ast.Attribute(value=ast.Name(id=of), attr=name)):
                module = self._module(of)
            case _:
                return None
        functions = module.functions if module else []
        found = next((each for each in functions if each.name == name), None)
        return (module, found) if module and found else None

    def _module(self, name: str) -> "Module | None":
        path = self._imported.get(name)
        return Module.read(path) if path and path.is_file() else None


def own(function: Function) -> Iterator[ast.AST]:
    """Walk a function without the functions in it."""
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop(0)
        yield node
        if not isinstance(node, Function):
            left = [*ast.iter_child_nodes(node), *left]


def assigned(function: Function, name: str) -> list[ast.expr]:
    """Return every value that a function gives to a variable of its own."""
    found: list[ast.expr] = []
    for node in own(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                found.append(value)
            case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
                found.append(value)
    return found


def words(node: ast.AST) -> Iterator[str]:
    """Yield words for an expression, the best first, such as ``said`` of ``done.said``."""
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Attribute(value=value, attr="value"):
            yield from words(value)
        case ast.Attribute(attr=name):
            yield _SAID.get(name, name)
        case ast.Call(func=ast.Attribute(attr="join"), args=[listed]):
            yield from words(listed)
        case ast.Call(func=called, args=given):
            for each in given[:1]:
                yield from words(each)
            for each in given:
                if isinstance(each, ast.Constant) and isinstance(each.value, str):
                    yield each.value
            yield from words(called)
        case ast.BoolOp(values=[first, *_]) | ast.Subscript(value=first):
            yield from words(first)
