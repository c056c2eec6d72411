"""Tar archives block by block, also such as no program writes."""

from collections.abc import Iterator

END = bytes(1024)


def header(name: str | bytes, kind: bytes = b"0", size: int | bytes = 0, **fields: bytes) -> bytes:
    """Return a header with a right checksum; ``fields`` are written as they are."""
    block = bytearray(512)
    given = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    block[: len(given)] = given
    length = size if isinstance(size, bytes) else b"%011o\x00" % size
    block[100:148] = b"0000644\x000000000\x000000000\x00" + length + b"00000000000\x00"
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    places = {"mode": 100, "uid": 108, "gid": 116, "mtime": 136, "link": 157,
              "magic": 257, "prefix": 345}  # fmt: skip
    for field, value in fields.items():
        block[places[field] : places[field] + len(value)] = value
    return summed(bytes(block))


def summed(block: bytes) -> bytes:
    """Return a header with the checksum that it should have."""
    total = sum(block) - sum(block[148:156]) + 8 * ord(" ")
    return block[:148] + b"%06o\x00 " % total + block[156:]


def file(name: str | bytes, content: bytes = b"x", **fields: bytes) -> bytes:
    """Return a file with its content."""
    return header(name, b"0", len(content), **fields) + padded(content)


def link(name: str, target: str, kind: bytes = b"2") -> bytes:
    """Return a symbolic link, or a hard one (``1``)."""
    return header(name, kind, link=target.encode())


def folder(name: str, **fields: bytes) -> bytes:
    """Return a folder."""
    return header(name, b"5", **fields)


def padded(content: bytes) -> bytes:
    """Return a content with the zeros that follow it."""
    return content + bytes(-len(content) % 512)


def extended(records: bytes, kind: bytes = b"x") -> bytes:
    """Return an extended header with these records, or a long name of GNU tar (``L``, ``K``)."""
    return header("PaxHeaders/x", kind, len(records)) + padded(records)


def record(key: str, value: str | bytes) -> bytes:
    """Return one record of an extended header."""
    given = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    body = b" " + key.encode() + b"=" + given + b"\n"
    length = len(body)
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def pieces(data: bytes, size: int = 4096) -> Iterator[bytes]:
    """Yield data in pieces."""
    return (data[start : start + size] for start in range(0, len(data), size))
