r"""What psql would act on in a dump is refused; what pg_dump writes goes through as it is."""

import pytest

from runner.databases.load.connect import Connect
from runner.databases.load.lexer import Lexer, RefusedError

GOOD = rb"""--
-- PostgreSQL database cluster dump
\restrict 3xKey

CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT '\! id' || $$
\connect nowhere
$$ $_$;
CREATE FUNCTION g() RETURNS text LANGUAGE c AS 'MODULE', E'a\'\\' STRICT;
COMMENT ON TABLE t IS 'C:\dir\' || 'it''s \! id';
COPY public."from stdin" (a, "b;\!") FROM stdin;
a\tb	\N
\\connect wiki
\.x
 \.
'"$a$/*--
\.
/* \! /* \! */ \! */ SELECT 1 - 2 / 3, $1, a$b FROM c; -- \! id
SELECT 'x' WHERE E'\\' = E'''\'' AND copy = 'from program';
COPY t (a) FROM stdin;
\.


\encoding SQL_ASCII
\unrestrict 3xKey
"""


def _read(dump: bytes, size: int = 1 << 16, *, connects: bool = True) -> list[bytes | Connect]:
    """Return what goes on to psql, each stretch in one piece."""
    lexer, found = Lexer(connects=connects), list[bytes | Connect]()
    for at in range(0, len(dump) + size, size):
        for each in lexer.take(dump[at : at + size], last=at >= len(dump)):
            if isinstance(each, bytes) and found and isinstance(found[-1], bytes):
                found[-1] += each
            else:
                found.append(each)
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64, 1 << 16])
@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_output_of_pg_dump_passes_in_chunks_of_any_size(size: int, ends: bytes) -> None:
    dump = GOOD.replace(b"\n", ends)
    (passed,) = _read(dump, size)

    expected = dump
    for each in (rb"\restrict 3xKey", rb"\unrestrict 3xKey", rb"\encoding SQL_ASCII"):
        expected = expected.replace(each + ends, b"\n")
    assert passed == expected


@pytest.mark.parametrize(
    ("line", "database"),
    [
        (r"\connect wiki", "wiki"),
        (r"\connect Wiki_2.old", "Wiki_2.old"),
        (r'\connect "WIKI"', "WIKI"),
        (r'\connect "a ""b"" `id` :x"', 'a "b" `id` :x'),
        (r"""\connect -reuse-previous=on "dbname='Ä b\'s'" """, "Ä b's"),
        (r"""\connect -reuse-previous=on "dbname='a\\b""c=''d'" """, ""),
        (r"""\connect -reuse-previous=on "dbname='a\\b""c='" """, 'a\\b"c='),
        (r"""\connect -reuse-previous=on "dbname=wiki"  """, "wiki"),
    ],
)
def test_a_switch_of_database_is_reported_and_not_passed_on(line: str, database: str) -> None:
    dump = f"SELECT 1;\n{line}\nSELECT 2;\n".encode()
    if not database:
        with pytest.raises(RefusedError):
            _read(dump)
        return
    for size in (1, 99):
        assert _read(dump, size) == [b"SELECT 1;\n\n", Connect(database), b"SELECT 2;\n"]
    with pytest.raises(RefusedError, match="line 2 connects to another database"):
        _read(dump, connects=False)


HOSTILE = (
    # wherever a meta-command may stand
    r"\! id", r"  \! id", "\t\\! id", r"SELECT 1 \! id", r"SELECT 1; \! id", r"SELECT 1\! id",
    r"SELECT 'a' \! id", r'SELECT "a\" \! id', r"SELECT E'\'' \! id", r"SELECT E'\\' \! id",
    r"SELECT 'a\' \! id", r"SELECT $a$ $b$ $a$ \! id", r"SELECT $$ $a$ $$ \! id",
    "SELECT 1 /* /* */ */ \\! id", "-- a\n\\! id", "SELECT 1 --\\\n\\! id", "-- a\r\\! id",
    "\r\n\\! id\r",
    "COPY t FROM stdin;\n\\.\n\\! id", "COPY t FROM stdin;\r\na\r\n\\.\r\n\\! id",
    "COPY t FROM stdin; \\! id\na\n\\.", "COPY t FROM stdin; SELECT 1;\n\\! id\n\\.",
    "COPY t TO stdin;\n\\! id\n\\.", "SELECT 'copy t from stdin';\n\\! id\n\\.",
    'COPY "from" stdin;\n\\! id', "COPY t FROM/**/stdout;\n\\! id",
    # whichever it is
    r"\o |id", r"\copy t FROM PROGRAM 'id'", r"\copy t TO PROGRAM 'id'", r"\i /etc/passwd",
    r"\ir x", r"\include x", r"\setenv A b", r"\set x `id`", r"SELECT 'id' \gexec",
    r"SELECT 1 \g |id", r"SELECT 1 \gx |id", r"\w |id", r"\write |id", r"\s x", r"\e", r"\ef",
    r"\cd /",
    r"\getenv x HOME", r"\lo_import /etc/passwd", r"\lo_export 1 x", r"\if `id`", r"\echo `id`",
    r"\qecho `id`", r"\prompt x y", r"\watch 1", r"\a", r"\t `id`", r"\\", r"\;", r"\.", r"\q",
    "\\", r"\timing `id`", r"\pset pager_min_lines `id`", r"\password", r"\unset x",
    # what looks like one that is known
    r"\connect `id`", r"\connect x y", r"\connect x - evil 1", r"\connect", r"\connect -",
    r"\connect :x", r"\connect :'x'", r"\connect 'x'", r'\connect "host=evil"', r"\connectx y",
    r"\connect postgres://evil/x", r'\connect "postgres://evil/x"', r"\c wiki",
    r"SELECT 1 \connect x",
    r"""\connect -reuse-previous=on "dbname='x' host=evil" """, r"\connect -reuse-previous=off x",
    r"""\connect -reuse-previous=on "host=evil dbname='x'" """, r"\connect x `id`",
    r"\connect x \! id", r"\encoding `id`", r"\encoding", r"\encoding SQL_ASCII \! id",
    r"\restrict `id`", r"\restrict", r"\restrict a b", r"\restrict a \! id",
    r"SELECT 1 \restrict a",
    r"\restricted a", r"\unrestrict `id`", r"\unrestrict", r"\unrestrict a; \! id", r"\RESTRICT a",
    # programs on the server
    "COPY t FROM PROGRAM 'id';", "copy t\nto\tprogram 'id'", "COPY t FROM/*a*/PROGRAM 'id'",
    "COPY (SELECT 1) TO -- a\nPROGRAM 'id'",
)  # fmt: skip


def test_a_command_that_no_dump_contains_is_refused_with_its_line() -> None:
    missed = list[tuple[str, str]]()
    for text in HOSTILE:
        dump = f"SELECT 1;\n{text}\n-- PostgreSQL database dump complete\n".encode()
        for size in (1, 7, 1 << 16):
            try:
                _read(dump, size)
            except RefusedError as error:
                if not str(error).startswith("line "):
                    missed.append((text, str(error)))
            else:
                missed.append((text, "not refused"))
    assert missed == []
    with pytest.raises(RefusedError, match=r"^line 3 contains a psql meta-command, .*! id'$"):
        _read(b"SELECT 1;\nSELECT\n\\! id\n")


def test_endless_input_does_not_fill_the_memory() -> None:
    lexer = Lexer()
    for _ in range(16):
        list(lexer.take(b"a" * (1 << 16)))
    with pytest.raises(RefusedError, match="unterminated"):
        list(lexer.take(b"a" * (1 << 16)))
    with pytest.raises(RefusedError, match="unterminated"):
        list(Lexer().take(b"$" + b"a" * (1 << 21)))
    with pytest.raises(RefusedError, match="unterminated"):
        list(Lexer().take(b"\\connect " + b"a" * (1 << 21)))
