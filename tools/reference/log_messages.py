"""Every line that runner and webhook may log, read from the calls that log it.

What only a run knows stands as `{word}`: the last word of the expression there. A message that a
variable holds is followed to where the function sets it; one that comes from elsewhere is `{…}`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.reference import source
from tools.reference.source import PROJECT, Function, Module

_LEVELS = ("debug", "info", "warning", "error")
_METHODS = {**{level: level for level in _LEVELS}, "exception": "error"}
_ELSEWHERE = "{…}"
PROGRAMS = {"runner": ("runner",), "webhook": ("webhook", "certs")}


@dataclass(frozen=True, slots=True, order=True)
class Message:
    """One line of a log: its text, its levels, the names of its fields, the package of the call."""

    text: str
    levels: tuple[str, ...]
    fields: tuple[str, ...]
    package: str


def rows(program: str) -> Iterator[tuple[str, ...]]:
    """Yield text, levels, fields and package of each message of a program."""
    for each in messages(program):
        text = each.text.replace("|", "\\|").replace("`", "'")
        fields = ", ".join(f"`{field}`" for field in each.fields)
        yield f"`{text}`", " or ".join(each.levels), fields, f"`{each.package}`"


def messages(program: str) -> list[Message]:
    """Return the messages of a program, each once, in alphabetical order."""
    found = {
        message
        for package in PROGRAMS[program]
        for path in sorted((PROJECT / package).rglob("*.py"))
        for message in _messages(Module.read(path))
    }
    return sorted(found, key=lambda each: (each.text.lstrip("{").lower(), each))


def calls(path: Path) -> int:
    """Return how many calls of a file log something."""
    return len(list(_calls(Module.read(path))))


@dataclass(frozen=True, slots=True)
class _Call:
    level: ast.expr
    text: ast.expr
    extra: list[ast.expr]
    fields: tuple[str, ...]


def _calls(module: Module) -> Iterator[tuple[Function, _Call]]:
    for function in module.functions:
        for node in source.own(function):
            if isinstance(node, ast.Call) and (logged := _logged(node)):
                named = tuple(each.arg for each in node.keywords if each.arg not in {None, "extra"})
                extra = [each.value for each in node.keywords if each.arg in {None, "extra"}]
                yield function, _Call(*logged, extra, tuple(filter(None, named)))


def _logged(call: ast.Call) -> tuple[ast.expr, ast.expr] | None:
    """Return level and text of a call that logs; None for any other."""
    if not isinstance(call.func, ast.Attribute):
        return None
    on = next(source.words(call.func.value), "").strip("_").lower()
    match call.func.attr, call.args:
        case "line" | "log", [level, text] if on == "log":
            return level, text
        case method, [text] if method in _METHODS and on in {"log", "decisions"}:
            return ast.Constant(_METHODS[method]), text
    return None


def _messages(module: Module) -> Iterator[Message]:
    package = module.path.parent.relative_to(PROJECT).as_posix()
    for function, call in _calls(module):
        of = _Reader(module, function)
        fields = tuple(dict.fromkeys((*call.fields, *(k for e in call.extra for k in of.keys(e)))))
        for text in dict.fromkeys(of.texts(call.text)):
            yield Message(text, of.levels(call.level), fields, package)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads expressions in a function of a module."""

    module: Module
    function: Function

    def levels(self, node: ast.expr) -> tuple[str, ...]:
        """Return the levels that an expression names, with the functions that it calls."""
        given = source.assigned(self.function, node.id) if isinstance(node, ast.Name) else [node]
        known = {word for each in given for word in self.named(each)}
        return tuple(level for level in _LEVELS if level in known) or _LEVELS

    def named(self, node: ast.AST) -> Iterator[str]:
        """Yield every constant and attribute in a node, and in the functions that it calls."""
        for each in ast.walk(node):
            match each:
                case ast.Constant(str(text)):
                    yield text
                case ast.Attribute(attr=name):
                    yield name.lower()  # logging.WARNING
                case ast.Call() if found := self.module.called(each):
                    yield from _Reader(*found).named(found[1])

    def texts(self, node: ast.expr) -> Iterator[str]:
        """Yield every text that an expression may be."""
        if (text := self.module.constant(node)) is not None:
            yield text
            return
        values: list[ast.expr] = []
        match node:
            case ast.JoinedStr(values=parts):
                yield "".join(self._part(each) for each in parts)
                return
            case ast.IfExp(body=one, orelse=other):
                values = [one, other]
            case ast.Name(id=name):
                values = source.assigned(self.function, name)
        for each in values:
            yield from self.texts(each)
        if not values:
            yield from self._returned(node)

    def _returned(self, node: ast.expr) -> Iterator[str]:
        found = self.module.called(node)
        if found is None:
            yield _ELSEWHERE
            return
        for each in source.own(found[1]):
            if isinstance(each, ast.Return) and each.value is not None:
                yield from _Reader(*found).texts(each.value)

    def _part(self, node: ast.expr) -> str:
        value = node.value if isinstance(node, ast.FormattedValue) else node
        if (text := self.module.constant(value)) is not None:
            return text
        return f"{{{next(source.words(value), '…')}}}"

    def keys(self, node: ast.expr) -> Iterator[str]:
        """Yield the keys of dictionaries in an expression; follow variables and calls."""
        match node:
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if key is None or self.module.constant(key) == "fields":
                        yield from self.keys(value)
                    else:
                        yield from self.texts(key)
            case ast.IfExp(body=one, orelse=other):
                yield from self.keys(one)
                yield from self.keys(other)
            case ast.Name(id=name):
                for each in source.assigned(self.function, name):
                    yield from self.keys(each)
            case ast.Call() if found := self.module.called(node):
                for below in source.own(found[1]):
                    value = getattr(below, "value", None)
                    if isinstance(below, ast.Assign | ast.Return) and isinstance(value, ast.Dict):
                        yield from _Reader(*found).keys(value)
