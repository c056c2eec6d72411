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
    if not isinstance(value, dict):
        return
    yield value, node
    for key in ("items", "objects"):
        listed = value.get(key)
        for number, item in enumerate(listed if isinstance(listed, list) else ()):
            yield from _objects(item, _at(node, (key, number)) or node)


def _at(node: Node, path: Path) -> Node | None:
    """Return the node at a path, None if there is none."""
    for step in path:
        node = node.target or node
        if isinstance(node, Mapping) and (found := _pair(node, step)):
            node = found[1]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def _line(node: Node, path: Path) -> int:
    """Return the line where the last key of a path stands, 0 if nothing is at the path."""
    found = _at(node, path)
    if found is None or not path:
        return found.line if found else 0
    holder = _at(node, path[:-1])
    holder = (holder.target or holder) if holder else None
    pair = _pair(holder, path[-1]) if isinstance(holder, Mapping) else None
    return pair[0].line if pair else found.line


def _pair(node: Mapping, key: str | int) -> tuple[Node, Node] | None:
    """Return the last of the pairs with this key: it counts."""
    found = [each for each in node.pairs if isinstance(each[0], Scalar) and each[0].text == key]
    return found[-1] if found else None
