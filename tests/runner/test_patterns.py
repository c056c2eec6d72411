"""restic's exclude patterns: each row as restic 0.19 itself answers."""

import pytest

from runner.patterns import leaves_out, matches


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
def test_a_pattern_matches_what_restic_says(
    pattern: str, left_out: list[str], kept: list[str]
) -> None:
    assert [path for path in left_out if not matches(pattern, path)] == []
    assert [path for path in kept if matches(pattern, path)] == []


def test_the_last_pattern_that_matches_counts() -> None:
    assert leaves_out(["*.log", "!keep.log"], "/b/x.log")
    assert not leaves_out(["*.log", "!keep.log"], "/b/keep.log")
    assert leaves_out(["!keep.log", "*.log"], "/b/keep.log")
    assert not leaves_out([], "/b/keep.log")
