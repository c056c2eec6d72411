"""Turns changes of a document's value into edits of its text, and leaves the rest unchanged. Pure.

What is added goes in after what it follows: as lines of its own in block style, before the bracket
in flow style. An alias of what changes is written out where it must not change. The caller reads
the result again, and dumps the document where it is not what it should be.
"""

import re
from dataclasses import dataclass
from typing import Any

from webhook.manifests import dumper, values
from webhook.manifests.nodes import Mapping, Node, Scalar, Sequence

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_REST = re.compile(r"[ \t]*(?:#.*)?")  # of a line, after a value
_BEFORE_DASH = re.compile(r"(?:[&!]\S*|#.*|[^-&!#]+|-(?=\S))*", re.MULTILINE)
_STEP = 2  # columns
_NOTHING = object()


class NotPossibleError(Exception):
    """The change cannot be made in the text."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replaces the text from ``start`` to ``end`` by ``text``."""

    start: int
    end: int
    text: str


def applied(text: str, edits: list[Edit]) -> str:
    """Return a text with edits, of which those of one place are put in in their order."""
    pieces, at = [], 0
    for edit in sorted(edits, key=lambda each: (each.start, each.end)):
        if edit.start < at:
            raise NotPossibleError("changes overlap")
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 -- any values of JSON
    """Whether two values are the same as JSON, where 1 is not true and the order does not count."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def _between(old: list[Any], new: list[Any]) -> list[list[Any]]:
    """Return the new items before the first old one, and after each."""
    groups: list[list[Any]] = [[]]
    left = iter(old)
    expected = next(left, _NOTHING)
    for item in new:
        if expected is not _NOTHING and same(expected, item):
            groups.append([])
            expected = next(left, _NOTHING)
        else:
            groups[-1].append(item)
    if expected is not _NOTHING:
        raise NotPossibleError("items are gone, or others")
    return groups


class Editor:
    """Collects the edits of one document."""

    def __init__(self, text: str, *, as_json: bool) -> None:
        self.edits: list[Edit] = []
        self._text = text
        self._json = as_json
        found = _BREAK.search(text)
        self._break = found.group() if found else "\n"
        self._touched: set[int] = set()  # nodes with an anchor that are no longer what they were

    def change(self, node: Node, old: Any, new: Any, indent: int | None) -> None:  # noqa: ANN401
        """Make ``new`` of a node that is ``old``.

        ``indent`` is the column of what would stand under its key or dash; None in flow style.
        """
        if same(old, new):
            self._keep(node, indent)
        elif node.target:
            self._replace(node, new, indent)
        else:
            if node.anchor:
                self._touched.add(id(node))
            if isinstance(node, Mapping) and node.pairs and isinstance(new, dict):
                self._mapping(node, old, new)
            elif isinstance(node, Sequence) and node.items and isinstance(new, list):
                self._sequence(node, old, new)
            else:
                self._replace(node, new, indent)

    def _keep(self, node: Node, indent: int | None) -> None:
        """Write out the aliases in a node that would no longer have their value."""
        if not self._touched:
            return
        if node.target:
            if id(node.target) in self._touched:
                self._replace(node, values.value(node), indent)
        elif isinstance(node, Mapping):
            for key, part in node.pairs:
                self._keep(key, None)
                self._keep(part, self._inner(node))
        elif isinstance(node, Sequence):
            for item in node.items:
                self._keep(item, None if node.flow else self._dash(node) + _STEP)

    def _mapping(self, node: Mapping, old: dict[str, Any], new: dict[str, Any]) -> None:
        if old.keys() - new.keys():
            raise NotPossibleError("a key is gone")
        inner = self._inner(node)
        own = {values.key_of(key): part for key, part in node.pairs if not values.is_merge(key)}
        for key, part in node.pairs:
            name = "" if values.is_merge(key) else values.key_of(key)
            if part is own.get(name):
                self.change(part, old[name], new[name], inner)
            else:
                self._keep(part, inner)
        more = {
            key: found for key, found in new.items()
            if key not in own and not (key in old and same(old[key], found))
        }  # fmt: skip
        if more and node.flow:
            entries = [f"{self._flow(key)}: {self._flow(found)}" for key, found in more.items()]
            self._in_brackets(*node.pairs[-1], entries)
        elif more:
            column = self._column(node.pairs[0][0].start)
            self._lines(self._after(node), dumper.lines(more, column))

    def _sequence(self, node: Sequence, old: list[Any], new: list[Any]) -> None:
        dash = None if node.flow else self._dash(node)
        under = None if dash is None else dash + _STEP
        if len(old) == len(new):
            for item, before, after in zip(node.items, old, new, strict=True):
                self.change(item, before, after, under)
            return
        first, *others = _between(old, new)
        if first and dash is not None:
            self._lines(self._before(node), dumper.lines(first, dash))
        elif first:
            entries = "".join(f"{self._flow(each)}, " for each in first)
            self.edits.append(Edit(node.items[0].start, node.items[0].start, entries))
        for item, more in zip(node.items, others, strict=True):
            self._keep(item, under)
            if more and dash is not None:
                self._lines(self._after(item), dumper.lines(more, dash))
            elif more:
                self._in_brackets(item, item, [self._flow(each) for each in more])

    def _in_brackets(self, first: Node, last: Node, entries: list[str]) -> None:
        """Insert entries after that of ``first`` to ``last``; on separate lines if that one is."""
        at, begin = last.end, self._line_start(first.start)
        indent = self._text[begin : first.start]
        rest = _REST.match(self._text, at)
        if not indent.strip() and rest and _BREAK.match(self._text, rest.end()):
            lines = [f"{self._break}{indent}{entry}" for entry in entries]
            self.edits += [Edit(at, at, ","), Edit(rest.end(), rest.end(), ",".join(lines))]
        else:
            self.edits.append(Edit(at, at, "".join(f", {entry}" for entry in entries)))

    def _replace(self, node: Node, new: Any, indent: int | None) -> None:  # noqa: ANN401 -- any value
        start, end = node.start, node.end
        if indent is None or not new or not isinstance(new, dict | list):
            space = " " if self._text[start - 1 : start].strip() else ""
            self.edits.append(Edit(start, end, space + self._flow(new)))
            return
        if isinstance(node, Scalar) and node.block:
            raise NotPossibleError("a text of many lines is now a collection")
        before = self._text[self._line_start(start) : start]
        if not before.strip():
            raise NotPossibleError("a block is now another one")
        start -= len(before) - len(before.rstrip(" \t"))
        self.edits.append(Edit(start, end, ""))
        self._lines(self._line_end(end), dumper.lines(new, indent))

    def _flow(self, new: Any) -> str:  # noqa: ANN401 -- any value
        return dumper.flow(new, as_json=self._json)

    def _lines(self, at: int, lines: list[str]) -> None:
        """Insert lines before a line, or after a last one without a line break."""
        begun = at > 0 and not _BREAK.match(self._text, at - 1)
        whole = self._break.join(lines)
        self.edits.append(Edit(at, at, self._break + whole if begun else whole + self._break))

    def _inner(self, node: Mapping) -> int | None:
        return None if node.flow else self._column(node.pairs[0][0].start) + _STEP

    def _after(self, node: Node) -> int:
        """Return the start of the line that follows a node."""
        while isinstance(node, Mapping | Sequence) and not node.flow:
            node = node.pairs[-1][1] if isinstance(node, Mapping) else node.items[-1]
        block = isinstance(node, Scalar) and node.block
        if block and _BREAK.match(self._text, node.end - 1):
            return node.end
        return self._line_end(node.end)

    def _before(self, node: Sequence) -> int:
        """Return the start of the line of a list's first item, with the comments above it."""
        at = self._line_start(self._dash_at(node))
        while at:
            above = self._line_start(at - 1 if self._text[at - 2 : at] != "\r\n" else at - 2)
            if not self._text[above:at].lstrip().startswith("#"):
                break
            at = above
        return at

    def _dash(self, node: Sequence) -> int:
        return self._column(self._dash_at(node))

    def _dash_at(self, node: Sequence) -> int:
        found = _BEFORE_DASH.match(self._text, node.start, node.items[0].start)
        return found.end() if found else node.start

    def _column(self, at: int) -> int:
        before = self._text[self._line_start(at) : at]
        if before.strip(" -"):
            raise NotPossibleError("it is next to something else")
        return len(before)

    def _line_start(self, at: int) -> int:
        found = max(self._text.rfind(each, 0, at) for each in "\n\r\x85\u2028\u2029")
        return found + 1

    def _line_end(self, at: int) -> int:
        found = _BREAK.search(self._text, at)
        return found.end() if found else len(self._text)
