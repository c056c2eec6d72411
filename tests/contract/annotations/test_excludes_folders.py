"""What is backed up beside the volumes, and patterns in a row, make other patterns right."""

from contract.annotations.excludes import doubts


def test_a_pattern_of_any_folder_that_is_backed_up_is_in_no_doubt() -> None:
    assert list(doubts(["/data/cache"], "/backup", "/data")) == []
    assert [pattern for pattern, _ in doubts(["/other/x"], "/backup", "/data")] == ["/other/x"]


def test_what_takes_nothing_back_gives_the_next_nothing_to_take_back() -> None:
    assert [pattern for pattern, _ in doubts(["!keep", "!other"], "/backup")] == ["!keep", "!other"]
