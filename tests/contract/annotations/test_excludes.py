"""Exclude patterns that hardly mean what they say."""

import pytest

from contract.annotations.excludes import doubts

GOOD = [
    "*.tmp", "cache", "cache/", "/backup/data/cache", "/backup/*/cache", "/**/cache", "/*/data/x",
    "/backup", "**/node_modules", "~lock.odt", ".~lock.*", "*~", "$RECYCLE.BIN", "#*#", "-", "a b",
    "*,v", r"\[x\]", r"a\*b", "[a,b]*x", "it's", "ä*", "..data", "...", "file;v", "a-z", "x\\ y",
]  # fmt: skip
BAD = {
    "*.tmp,*.log": "commas", "*.tmp, *.log": "commas", "cache,tmp": "commas", "a,b,c": "commas",
    "*.log, cache/**": "commas", "!a,b": "commas",
    "'*.tmp'": "quotes", '"cache"': "quotes", "`x`": "quotes", "!'a'": "quotes",
    "--exclude *.tmp": "only the pattern", "--exclude=*.tmp": "only the pattern",
    "--iexclude x": "only the pattern",
    "-e x": "only the pattern",
    "- cache": "only the pattern", "# caches": "only the pattern",
    "cache\\tmp": "backslash", "C:\\data": "backslash", "C:/data": "backslash",
    ".*\\.log": "backslash",
    "~/cache": "variables", "~": "variables", "$HOME/x": "variables", "${DIR}/x": "variables",
    "a\u200bb": "invisible", "a\tb": "invisible", "\ufeffcache": "invisible",
    "*.{tmp,log}": "braces",
    "../cache": "..",
    "/data/cache": "/backup/VOLUME", "/var/lib/x": "/backup/VOLUME",
    "/backups/data": "/backup/VOLUME",
    "/cache": "/backup/VOLUME", "!/data/keep": "/backup/VOLUME",
}  # fmt: skip


@pytest.mark.parametrize("pattern", GOOD)
def test_a_plausible_pattern_is_not_named(pattern: str) -> None:
    assert list(doubts([pattern], "/backup")) == []


@pytest.mark.parametrize("pattern", BAD)
def test_a_pattern_that_is_probably_a_mistake_is_named(pattern: str) -> None:
    ((named, why),) = doubts(["*", pattern], "/backup")

    assert named == pattern
    assert BAD[pattern] in why


@pytest.mark.parametrize(
    ("patterns", "named"),
    [
        (["!keep"], "!keep"),
        (["!keep", "*"], "!keep"),
        (["cache", "!cache/keep"], "!cache/keep"),
        (["/backup/data/x/", "!/backup/data/x/y/z"], "!/backup/data/x/y/z"),
        (["*.log", "!keep.log"], ""),
        (["cache/*", "!cache/keep"], ""),
    ],
)
def test_a_negation_that_includes_nothing_again_is_named(patterns: list[str], named: str) -> None:
    assert "".join(pattern for pattern, _ in doubts(patterns, "/backup")) == named
