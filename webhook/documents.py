"""Manifests as text: YAML or JSON -> documents -> YAML, each text staying the text that it is."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from contract.wording import printable

Document = dict[str, Any]

NODES = 300_000
"""Most values of one document, each alias counted as what it stands for. The largest manifests of
real projects have a third of that."""

# What YAML readers other than ours take for a number or a truth value.
_ELSEWHERE = re.compile(
    r"[-+]?(?:0[xXoObB][0-9a-fA-F_]+|\.?[0-9][0-9_.]*(?:[eE][-+]?[0-9]+)?)|[yYnN]"
)
_NOT_TEXT = ("timestamp", "value")  # YAML types that Kubernetes does not know: they stay texts
_TYPES = {"null", "bool", "int", "float", "str", "seq", "map"}  # of JSON; no sets, no binary data


class UnreadableError(ValueError):
    """The text holds no manifest to work on; ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Reads only the types that Kubernetes knows, which are those of JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 -- the base class declares it so
        first: [(tag, form) for tag, form in resolvers if tag.rpartition(":")[2] not in _NOT_TEXT]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors = {
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in _TYPES
    } | {f"tag:yaml.org,2002:{kind}": yaml.SafeLoader.construct_yaml_str for kind in _NOT_TEXT}

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 -- any YAML value
        """Return the value of a node; a tag that its text contradicts is an error with a line."""
        try:
            return super().construct_object(node, deep)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                None, None, f"this is no {kind}", node.start_mark
            ) from error


class _Dumper(yaml.SafeDumper):
    """Writes texts so that every reader takes them for the same texts."""


def _represent(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if not text.replace("\n", "").isprintable() or _ELSEWHERE.fullmatch(text):
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def dump(documents: list[Document]) -> str:
    """Return the documents as YAML."""
    text = _dumped(documents, as_it_is=True)
    # What would steer a terminal is written as its number, and with it all that is not ASCII.
    return text if printable(text, kept="\n") == text else _dumped(documents, as_it_is=False)


def _dumped(documents: list[Document], *, as_it_is: bool) -> str:
    return yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=as_it_is, width=100
    )


def load(text: str) -> list[Document]:
    """Return the documents of ``text``, YAML or JSON; raise UnreadableError."""
    try:
        return [_checked(line, value) for line, value in _values(text) if value is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = error.problem or "cannot be read"
        raise UnreadableError(mark.line + 1 if mark else 1, f"not YAML: {reason}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableError(line, f"not YAML: {error.reason}") from error
    except RecursionError as error:
        raise UnreadableError(1, "not YAML: nested too deeply") from error
    except UnreadableError:
        raise
    except ValueError as error:  # of a number with thousands of digits, or no moment at all
        raise UnreadableError(1, f"not YAML: {error}") from error


def _checked(line: int, value: object) -> Document:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise UnreadableError(line, "no Kubernetes object: no kind")
    return value


def _values(text: str) -> Iterator[tuple[int, object]]:
    """Yield each document with the line where it begins."""
    if text.lstrip().startswith("{"):
        try:
            yield 1, json.loads(text)
        except ValueError:
            pass  # YAML may begin with a brace too
        else:
            return
    loader = _Loader(text)
    try:
        while loader.check_node():
            line = loader.line + 1
            node = loader.get_node()
            if node is not None:
                line = node.start_mark.line + 1
                if _size(node, {}) > NODES:
                    reason = f"more than {NODES} values, with all aliases written out"
                    raise UnreadableError(line, f"not read: {reason}")
            yield line, _unshared(loader.construct_document(node))
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Return how many values a node holds, with itself; ``known`` are those counted already.

    What holds itself counts without end.
    """
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = NODES + 1  # where it comes up again within itself
    inside = node.value if isinstance(node, yaml.CollectionNode) else ()
    if isinstance(node, yaml.MappingNode):
        inside = [part for pair in inside for part in pair]
    known[id(node)] = 1 + sum(_size(each, known) for each in inside)
    return known[id(node)]


def _unshared(value: Any) -> Any:  # noqa: ANN401 -- any YAML value
    """Copy a value so that aliases of one anchor can be changed apart."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unshared(item) for item in value]
    return value
