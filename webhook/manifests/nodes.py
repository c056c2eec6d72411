"""Parses text into nodes with positions, within limits. Pure.

The grammar is libyaml's, of which kubectl's YAML library is a port: both allow tabs as separation
and refuse them as indentation. Where PyYAML was built without libyaml, its own parser does it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

NODES = 300_000
"""Most values of one document, each alias counted as what it stands for. The largest manifests of
real projects have a third of that."""
DEPTH = 200
"""Most collections within each other. The deepest objects of Kubernetes' own API have a third."""

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


class UnreadableError(ValueError):
    """The text holds no manifest to work on; ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def not_yaml(line: int, reason: str) -> UnreadableError:
    """Return the error about a text, or a part of one, that is not YAML as Kubernetes knows it."""
    return UnreadableError(line, f"not YAML: {reason}")


@dataclass(slots=True)
class Node:
    """A value where it stands: ``start`` and ``end`` count characters of the text."""

    start: int
    end: int
    line: int
    tag: str = ""
    anchor: str = ""
    size: int = 1  # values in it, with itself and all aliases written out
    target: "Node | None" = None  # what an alias stands for


@dataclass(slots=True)
class Scalar(Node):
    """A value without parts; ``plain``: it stands without quotes."""

    text: str = ""
    plain: bool = False
    block: bool = False  # after | or >


@dataclass(slots=True)
class Sequence(Node):
    """A list; ``flow``: it is in brackets."""

    items: list[Node] = field(default_factory=list)
    flow: bool = False


@dataclass(slots=True)
class Mapping(Node):
    """A mapping; a key may come up twice."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    flow: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """One document of a text, from ``start`` to the start of the next one, or the text's end."""

    start: int
    explicit: bool  # begins with ---
    root: Node


def parsed(text: str) -> Iterator[Parsed]:
    """Yield the documents of a text in YAML; raise UnreadableError."""
    mark = 1 if text.startswith("\ufeff") else 0
    if found := yaml.reader.Reader.NON_PRINTABLE.search(text, mark):
        line = len(_BREAK.findall(text, 0, found.start())) + 1
        raise not_yaml(line, f"the character U+{ord(found.group()):04X} is not allowed")
    try:
        yield from _Composer(text[mark:], mark).documents()
    except yaml.MarkedYAMLError as error:
        where = error.problem_mark or error.context_mark
        raise not_yaml(where.line + 1 if where else 1, error.problem or "unreadable") from error
    except yaml.YAMLError as error:
        raise not_yaml(1, str(error)) from error


class _Composer:
    """Builds nodes from the parser's events, one by one, and stops at the limits."""

    def __init__(self, text: str, offset: int) -> None:
        self._events = yaml.parse(text, _Loader)
        self._offset = offset
        self._anchors: dict[str, Node | None] = {}

    def documents(self) -> Iterator[Parsed]:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors.clear()
                start = self._at(event.start_mark)
                yield Parsed(start, bool(event.explicit), self._node(next(self._events), 0))

    def _node(self, event: yaml.Event, depth: int) -> Node:
        start, end = self._at(event.start_mark), self._at(event.end_mark)
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor or "", Node(start, end, line))
        if not isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            raise TypeError(f"the parser gives {event} for a value")
        tag, anchor = event.tag or "", event.anchor or ""
        if isinstance(event, yaml.ScalarEvent):
            style = event.style or ""
            scalar = Scalar(start, end, line, tag, anchor, text=event.value, plain=not style,
                            block=style in {"|", ">"})  # fmt: skip
            return self._known(anchor, scalar)
        if depth >= DEPTH:
            raise not_yaml(line, "nested too deeply")
        if anchor:
            self._anchors[anchor] = None  # it is not complete
        flow = bool(event.flow_style)
        if isinstance(event, yaml.SequenceStartEvent):
            sequence = Sequence(start, end, line, tag, anchor, flow=flow)
            for inner in self._until(yaml.SequenceEndEvent, sequence):
                item = self._node(inner, depth + 1)
                sequence.items.append(item)
                _grow(sequence, item)
            return self._known(anchor, sequence)
        mapping = Mapping(start, end, line, tag, anchor, flow=flow)
        for inner in self._until(yaml.MappingEndEvent, mapping):
            key = self._node(inner, depth + 1)
            value = self._node(next(self._events), depth + 1)
            mapping.pairs.append((key, value))
            _grow(mapping, key, value)
        return self._known(anchor, mapping)

    def _until(self, last: type[yaml.Event], node: Sequence | Mapping) -> Iterator[yaml.Event]:
        for event in self._events:
            if isinstance(event, last):
                if node.flow:
                    node.end = self._at(event.end_mark)
                return
            yield event

    def _at(self, mark: Any) -> int:  # noqa: ANN401 -- libyaml's marks have a type of their own
        return self._offset + (mark.index if mark else 0)

    def _known(self, anchor: str, node: Node) -> Node:
        if anchor:
            self._anchors[anchor] = node
        return node

    def _alias(self, anchor: str, node: Node) -> Node:
        if anchor not in self._anchors:
            raise not_yaml(node.line, f"the anchor {anchor!r} is not defined")
        target = self._anchors[anchor]
        if target is None:
            raise not_yaml(node.line, f"the anchor {anchor!r} contains itself")
        node.target, node.size = target, target.size
        return node


def _grow(node: Sequence | Mapping, *parts: Node) -> None:
    """Count an entry of a collection, and record the end of the collection if known."""
    node.size += sum(part.size for part in parts)
    if node.size > NODES:
        reason = f"more than {NODES} values after expanding all aliases"
        raise UnreadableError(node.line, f"not read: {reason}")
    if not node.flow:
        node.end = parts[-1].end
