"""The tests' own applier does what RFC 6902 says of ``add``, and nothing else."""

from typing import Any

import pytest

from tests.webhook.admission.patch.applier import apply


def _add(path: str, value: object = 9) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", {"a": 9}),
        ("/b", {"a": [1, {"c": 2}], "b": 9}),
        ("/a/-", {"a": [1, {"c": 2}, 9]}),
        ("/a/0", {"a": [9, 1, {"c": 2}]}),
        ("/a/2", {"a": [1, {"c": 2}, 9]}),
        ("/a/1/d~1e~0f~01", {"a": [1, {"c": 2, "d/e~f~1": 9}]}),
        ("/", {"a": [1, {"c": 2}], "": 9}),
    ],
)
def test_a_value_is_added_where_the_pointer_says(path: str, expected: object) -> None:
    document = {"a": [1, {"c": 2}]}

    assert apply(document, [_add(path)]) == expected
    assert document == {"a": [1, {"c": 2}]}


@pytest.mark.parametrize(
    "path", ["", "a", "/a~", "/a~2", "/b/c", "/a/3", "/a/01", "/a/x", "/a/-/b", "/a/0/b"]
)
def test_a_pointer_to_nowhere_is_refused(path: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        apply({"a": [1, {"c": 2}]}, [_add(path)])


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/a", "value": 1},
        {"op": "remove", "path": "/a"},
        {"op": "add", "path": "/a"},
        {"op": "add", "path": "/a", "value": 1, "from": "/b"},
    ],
)
def test_any_other_operation_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not an add"):
        apply({"a": 0}, [operation])


def test_the_document_does_not_share_what_was_added() -> None:
    value: dict[str, Any] = {"x": []}

    result = apply({}, [_add("/a", value), _add("/a/x/-", 1)])

    assert result == {"a": {"x": [1]}}
    assert value == {"x": []}
