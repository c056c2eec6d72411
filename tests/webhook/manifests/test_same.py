"""Whether two values are the same in JSON."""

import pytest

from webhook.manifests.edits import same


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        (1, 1, True), (1, True, False), (0, False, False), ("1", 1, False), (None, False, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ([1, 2], [2, 1], False), ([1], [True], False),
        ({"a": 1}, {"a": 1, "b": None}, False),
    ],
)  # fmt: skip
def test_a_number_is_not_a_boolean_and_list_order_counts(
    one: object, other: object, *, are: bool
) -> None:
    assert same(one, other) is are
