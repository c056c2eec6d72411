"""restic's patterns: what they match, by restic's own rules."""

import pytest

from runner.restic.patterns import Patterns, leaves_out, matches


@pytest.mark.parametrize(
    ("patterns", "path", "matches"),
    [
        (["*.tmp"], "/backup/data/a.tmp", True),
        (["*.tmp"], "/backup/data/a.tmp/inside/it", True),
        (["*.tmp"], "/backup/data/a.txt", False),
        (["cache"], "/backup/data/cache/x", True),
        (["cache"], "/backup/data/caches", False),
        (["cache/"], "/backup/data/cache", True),
        (["data/cache"], "/backup/data/cache/x", True),
        (["data/cache"], "/backup/other/cache/x", False),
        (["/backup/data/x"], "/backup/data/x/y", True),
        (["/backup/data/x"], "/elsewhere/backup/data/x", False),
        (["/data"], "/backup/data", False),
        (["/backup/*/x"], "/backup/data/x", True),
        (["/backup//data/./x"], "/backup/data/x", True),
        (["/backup/data/a\\*[b]\\?"], "/backup/data/a*b?", True),
        (["/backup/data/a\\*b"], "/backup/data/a*b", True),
        (["/backup/data/a\\*b"], "/backup/data/aXb", False),
        (["a/**/b"], "/backup/a/b", True),
        (["a/**/b"], "/backup/a/1/2/b/c", True),
        (["a/**/b"], "/backup/a/1/2/bb", False),
        (["/**/x.log"], "/backup/data/1/x.log", True),
        (["/backup/data/**"], "/backup/data/1/2", True),
        (["file[0-9].db"], "/backup/file7.db", True),
        (["file[^0-9].db"], "/backup/file7.db", False),
        (["file[^0-9].db"], "/backup/fileX.db", True),
        (["file[a\\]b].db"], "/backup/file].db", True),
        (["?"], "/ü", True),
        (["??"], "/x", False),
        (["file[0-9.db"], "/backup/file[0-9.db", False),
        (["*.log", "!keep.log"], "/backup/keep.log", False),
        (["*.log", "!keep.log", "keep.log"], "/backup/keep.log", True),
        (["!keep.log", "*.log"], "/backup/keep.log", True),
        (["/backup/pg/*", "!/backup/pg/*.conf"], "/backup/pg/base/1", True),
        (["/backup/pg/*", "!/backup/pg/*.conf"], "/backup/pg/pg.conf", False),
        ([], "/backup/x", False),
        ([""], "/backup/x", False),
    ],
)
def test_a_pattern_matches_as_restic_matches_it(
    patterns: list[str], path: str, matches: bool
) -> None:
    assert Patterns(patterns).match(path) is matches


def test_case_counts_unless_it_is_ignored() -> None:
    assert not Patterns(["*.TMP"]).match("/backup/x.tmp")
    assert Patterns(["*.TMP"], ignore_case=True).match("/backup/X.tMp")
    assert Patterns(["/Backup/Data"], ignore_case=True).match("/backup/data/x")


@pytest.mark.parametrize(
    ("pattern", "left_out", "kept"),
    [
        ("a", ["/b/a", "/b/a/deep", "/a"], ["/b/ab", "/b/A"]),
        ("*.log", ["/b/x.log", "/b/x.log/in"], ["/b/x.logs"]),
        ("a/*", ["/b/a/x", "/b/a/x/y"], ["/b/a"]),
        ("a/**", ["/b/a", "/b/a/x"], ["/b/x"]),
        ("a/**/x", ["/b/a/x", "/b/a/1/2/x"], ["/b/x"]),
        ("**/x", ["/b/x", "/b/c/x"], ["/b/xx"]),
        ("**", ["/b"], []),
        ("/a", ["/a", "/a/x"], ["/b/a"]),
        ("/b/*/a", ["/b/c/a"], ["/b/a", "/b/c/d/a"]),
        ("/b/**/x", ["/b/x", "/b/c/d/x"], ["/x"]),
        ("/b", ["/b", "/b/x"], ["/bb"]),
        ("a/", ["/b/a"], []),
        ("./a", ["/b/a"], []),
        ("c//a", ["/c/a"], []),
        ("c/../a", ["/b/a"], ["/c/x"]),
        ("[ab]", ["/b/a", "/b"], ["/x/[ab]"]),
        ("[^a]", ["/b", "/x/c"], ["/a"]),
        ("[a-c]x", ["/bx"], ["/dx", "/-x"]),
        (r"\[x\]", ["/b/[x]"], ["/b/x"]),
        ("a,b", ["/b/a,b"], ["/b/a", "/b/b"]),
        ("c d", ["/b/c d"], ["/b/c"]),
        ("?", ["/b"], ["/bb"]),
        (".", [], ["/b", "/b/."]),
        ("/", [], ["/b"]),
    ],
)
def test_one_pattern_matches_what_restic_says(
    pattern: str, left_out: list[str], kept: list[str]
) -> None:
    assert [path for path in left_out if not matches(pattern, path)] == []
    assert [path for path in kept if matches(pattern, path)] == []


def test_the_last_pattern_that_matches_counts() -> None:
    assert leaves_out(["*.log", "!keep.log"], "/b/x.log")
    assert not leaves_out(["*.log", "!keep.log"], "/b/keep.log")
    assert leaves_out(["!keep.log", "*.log"], "/b/keep.log")
    assert not leaves_out([], "/b/keep.log")
