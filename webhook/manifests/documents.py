"""Manifests as text: YAML or JSON -> documents -> the same text with what was added. Pure."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contract.text import printable
from webhook.manifests import dumper, edits, nodes, values
from webhook.manifests.nodes import Node, UnreadableError, not_yaml

__all__ = ["Document", "File", "UnreadableError", "dump", "load"]

Document = dict[str, Any]

_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_SPACE = re.compile(r"[ \t\r\n]*")
_MARK = "\ufeff"  # of the byte order; at the beginning of a file only
_KEPT = "\t\r\n\ufeff"  # letters that steer nothing if they stand in a file
_BREAKS = dict.fromkeys((0x85, 0x2028, 0x2029), "\n")  # of lines, as YAML has them too
_LEFT_OUT = dict.fromkeys(map(ord, _KEPT))


@dataclass(frozen=True, slots=True)
class _Part:
    """One document and its position in the text; ``begins``: its first line is ---."""

    document: Document
    start: int
    end: int
    begins: bool
    root: Node | None  # of YAML


class File:
    """The manifests of one file; its documents may be added to."""

    def __init__(self, text: str) -> None:
        """Read a text; raise UnreadableError."""
        self._text = text
        self._parts = list(_parts(text))

    @property
    def documents(self) -> list[Document]:
        """The documents that are not empty."""
        return [part.document for part in self._parts]

    def roots(self) -> Iterator[tuple[Document, Node]]:
        """Yield each document with its node, whose lines are those of the file."""
        for part in self._parts:
            yield part.document, part.root or self._root(part)

    def _root(self, part: _Part) -> Node:
        """Return the node of a document in JSON, without parts where YAML cannot read it."""
        line = self._text.count("\n", 0, part.start)
        try:
            (found,) = nodes.parsed("\n" * line + self._text[part.start : part.end])
        except UnreadableError:
            return Node(part.start, part.end, line + 1)
        return found.root

    def text(self) -> str:
        """Return the text with what was added to its documents."""
        pieces, at = [], 0
        for part in self._parts:
            pieces += [self._text[at : part.start], self._current(part)]
            at = part.end
        whole = "".join([*pieces, self._text[at:]])
        # What is left stands between the documents, where there are but comments and breaks.
        return whole if _harmless(whole) else printable(whole.translate(_BREAKS), kept=_KEPT)

    def _current(self, part: _Part) -> str:
        text = self._text[part.start : part.end]
        before = values.value(part.root) if part.root else json.loads(text)
        if edits.same(before, part.document) and _harmless(text):
            return text
        return _edited(text, part) or _dumped(part)


def joined(files: Iterable[File]) -> str:
    """Return the texts of files as one text in YAML, or in JSON where there is one file of it."""
    texts = [file.text() for file in files]
    if len(texts) == 1:
        return texts[0]
    pieces: list[str] = []
    for text in (each.removeprefix(_MARK) for each in texts):
        # A text that begins with a brace would be taken for JSON as a whole.
        begun = text.startswith("---") or (not pieces and not text.lstrip().startswith("{"))
        pieces.append(("" if begun else "---\n") + text + ("" if text.endswith("\n") else "\n"))
    return "".join(pieces)


def load(text: str) -> list[Document]:
    """Return the documents of ``text``, YAML or JSON; raise UnreadableError."""
    return File(text).documents


dump = dumper.documents


def _parts(text: str) -> Iterator[_Part]:
    """Yield the documents that are not empty."""
    try:
        yield from _json(text) or _yaml(text)
    except RecursionError as error:
        raise not_yaml(1, "nested too deeply") from error


def _yaml(text: str) -> Iterator[_Part]:
    found = [(each, values.value(each.root)) for each in nodes.parsed(text)]
    ends = [*(each.start for each, _ in found[1:]), len(text)]
    for (each, value), end in zip(found, ends, strict=False):  # a text may hold no document
        if value is not None:
            yield _Part(_checked(each.root.line, value), each.start, end, each.explicit, each.root)


def _json(text: str) -> list[_Part]:
    """Return the objects of a JSON text; none if it is not JSON."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    at = _next(text, 1 if text.startswith(_MARK) else 0)
    found: list[_Part] = []
    while text.startswith("{", at):
        try:
            value, end = decoder.raw_decode(text, at)
        except ValueError:
            return []  # YAML may begin with a brace too
        line = text.count("\n", 0, at) + 1
        if _deep(value, nodes.DEPTH):
            raise not_yaml(line, "nested too deeply")
        if _HALF.search(text, at, end) and not _is_text(value):
            raise not_yaml(line, "half of a surrogate pair is not text")
        found.append(_Part(_checked(line, value), at, end, False, None))
        at = _next(text, end)
    return found if at == len(text) else []


def _next(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _is_text(value: object) -> bool:
    """Whether all strings in a value can be encoded: JSON can escape lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _deep(value: object, left: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left < 0 or any(_deep(each, left - 1) for each in inside)


def _checked(line: int, value: object) -> Document:
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str):
        raise UnreadableError(line, "not a Kubernetes object: no kind")
    return value


def _harmless(text: str) -> bool:
    """Whether a text has no control characters; a quick check is enough for most texts."""
    return text.translate(_LEFT_OUT).isprintable() or printable(text, kept=_KEPT) == text


def _edited(text: str, part: _Part) -> str:
    """Return the text of a document with only its changes; "" if that is impossible."""
    try:
        (found,) = nodes.parsed(text)
        editor = edits.Editor(text, as_json=part.root is None)
        editor.change(found.root, values.value(found.root), part.document, None)
        text = edits.applied(text, editor.edits)
        (again,) = nodes.parsed(text)
        right = edits.same(values.value(again.root), part.document)
    except (edits.NotPossibleError, UnreadableError, RecursionError, ValueError):
        return ""
    return text if right and _harmless(text) else ""


def _dumped(part: _Part) -> str:
    """Return a document that is serialised as a whole."""
    if part.root is None:
        return dumper.flow(part.document, as_json=True)
    return ("---\n" if part.begins else "") + dumper.documents([part.document])
