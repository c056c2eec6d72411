"""Collects the databases that an SQL dump names, while it streams by. Pure."""

_HEADINGS = {
    "postgres": (b'\n-- Database "', b'" dump'),
    "mysql": (b"\n-- Current Database: `", b"`"),
}
_LONGEST = 1024  # bytes of a line with a heading; names have 64 characters


class Contents:
    """Takes a dump in pieces and remembers the databases that its headings name."""

    def __init__(self, name: str) -> None:
        self._begins, self._ends = _HEADINGS.get(name, (b"", b""))
        self._rest = b"\n"
        self._found: dict[str, None] = {}

    @property
    def databases(self) -> tuple[str, ...]:
        """The databases in the order of the dump."""
        return tuple(self._found)

    def take(self, chunk: bytes) -> None:
        """Take the next bytes of the dump."""
        if not self._begins:
            return
        text = self._rest + chunk
        start = text.find(self._begins)
        last = text.rfind(b"\n")
        while 0 <= start < last:
            begin = start + len(self._begins)
            line = text[begin : text.index(b"\n", begin)]
            if line.endswith(self._ends):
                name = line.removesuffix(self._ends).decode("utf-8", "replace")
                self._found[name.replace("``", "`")] = None
            start = text.find(self._begins, begin)
        # The start of a line that is too long for a heading must not look like one's beginning.
        self._rest = text[last:] if last >= 0 and len(text) - last <= _LONGEST else b"-"


def as_heading(name: str) -> str:
    """Return a database's name as a heading has it, which is one line."""
    return name.replace("\r", " ").replace("\n", " ")
