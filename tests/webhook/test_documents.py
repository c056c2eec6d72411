"""YAML as Kubernetes knows it: what a tag says otherwise is an error with a line."""

import pytest

from webhook import documents


@pytest.mark.parametrize(
    "value",
    ['!!int ""', "!!int x", "!!int [1]", "!!int {}", '!!float ""', "!!float x", "!!bool x",
     "!!bool ''", "!!float [1]", "!!str {}", "!!seq x", "!!map [x]", "!!int 0b", "!!int 0o9",
     "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!binary aGk=", "!!binary '*'",
     "!!python/name:os.system", "!mine x", "{? [a] : b}", "{? {a: 1} : b}"],
)  # fmt: skip
def test_what_is_no_json_is_an_error_with_its_line(value: str) -> None:
    with pytest.raises(documents.UnreadableError, match=r"^not YAML: ") as raised:
        documents.load(f"kind: X\na:\n  b: {value}\n")

    assert raised.value.line == 3


@pytest.mark.parametrize(
    ("value", "read"),
    [('!!timestamp "2026-01-01"', "2026-01-01"), ("!!timestamp x", "x"), ('!!timestamp ""', ""),
     ("2026-01-01", "2026-01-01"), ("!!value =", "="), ("=", "="), ("!!null x", None),
     ('!!int "1"', 1), ('!!bool "yes"', True), ("!!str 1", "1"), ('!!float "1"', 1.0)],
)  # fmt: skip
def test_a_tag_of_a_type_that_kubernetes_lacks_leaves_the_text(value: str, read: object) -> None:
    """A time is none of JSON: written anew, it was another text than the one before."""
    (found,) = documents.load(f"kind: X\na: {value}\n")

    assert found["a"] == read
    assert documents.load(documents.dump([found])) == [found]
