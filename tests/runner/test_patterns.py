"""restic's patterns: what they match, by restic's own rules."""

import pytest

from runner.patterns import Patterns


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
