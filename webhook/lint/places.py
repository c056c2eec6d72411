"""Where objects, their fields and annotations stand in the files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from webhook.manifests.documents import Document, File
from webhook.manifests.nodes import Mapping, Node, Scalar, Sequence
from webhook.manifests.workloads import Path, Workload


@dataclass(frozen=True, slots=True)
class Place:
    """A file's name as it was given, "-" for standard input, and a line, counted from 1."""

    file: str = ""
    line: int = 0


NOWHERE = Place()


class Places:
    """All objects of some files."""

    def __init__(self, files: Iterable[tuple[str, File]] = ()) -> None:
        """Remember where each object stands; ``files`` are names and what was read of them."""
        self._nodes: dict[int, tuple[str, Node]] = {}
        for name, file in files:
            for document, root in file.roots():
                self._nodes |= {id(item): (name, node) for item, node in _objects(document, root)}

    def of(self, workload: Workload, key: str = "") -> Place:
        """Return the place of ``key``, an annotation or a field; else of the pod, or its object."""
        found = self._nodes.get(id(workload.item))
        if found is None:
            return NOWHERE
        name, root = found
        for path in _paths(workload, key):
            if line := _line(root, path):
                return Place(name, line)
        return Place(name, root.line)


def _paths(workload: Workload, key: str) -> Iterator[Path]:
    """Yield where a key may stand in an object, the most likely first."""
    fields = tuple(key.split("."))
    for start in dict.fromkeys((workload.path, ())):
        for kind in ("annotations", "labels"):
            yield (*start, "metadata", kind, key)
        yield (*start, *fields)
    yield fields
    yield workload.path


def _objects(value: object, node: Node) -> Iterator[tuple[Document, Node]]:
    """Yield each object in a document, with its node: itself, and those that it lists."""
    node = node.target or node
    if isinstance(value, dict) and isinstance(node, Mapping):
        yield value, node
        inside = [(value.get(_text(key)), each) for key, each in node.pairs
                  if _text(key) in {"items", "objects"}]  # fmt: skip
        for listed, each in inside:
            items = each.target or each
            if isinstance(listed, list) and isinstance(items, Sequence):
                for item, one in zip(listed, items.items, strict=True):
                    yield from _objects(item, one)


def _line(node: Node, path: Path) -> int:
    """Return the line of what is at a path, 0 if nothing is."""
    line = node.line
    for step in path:
        node = node.target or node
        if isinstance(node, Mapping) and (pairs := [p for p in node.pairs if _text(p[0]) == step]):
            line, node = pairs[-1][0].line, pairs[-1][1]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            line = node.line
        else:
            return 0
    return line


def _text(key: Node) -> str:
    return key.text if isinstance(key, Scalar) else ""
