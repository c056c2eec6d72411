"""What is backed up beside the volumes, and patterns in a row, make other patterns right."""

from contract.annotations.excludes import doubts


def test_a_pattern_below_any_backed_up_folder_is_not_named() -> None:
    assert list(doubts(["/data/cache"], "/backup", "/data")) == []
    assert [pattern for pattern, _ in doubts(["/other/x"], "/backup", "/data")] == ["/other/x"]


def test_a_useless_negation_does_not_make_the_next_one_useful() -> None:
    assert [pattern for pattern, _ in doubts(["!keep", "!other"], "/backup")] == ["!keep", "!other"]
