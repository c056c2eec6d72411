"""A pod that is exactly as large as allowed is backed up."""

import pytest

from webhook.admission.pod import complexity


def _pod(containers: int = 1, owners: int = 0, text: int = 0) -> dict[str, object]:
    return {
        "metadata": {
            "labels": {"a": "x" * text} if text else {},
            "ownerReferences": [{}] * owners,
        },
        "spec": {"containers": [{}] * containers},
    }


@pytest.mark.parametrize(
    ("allowed", "beyond"),
    [
        (_pod(containers=complexity.CONTAINERS), _pod(containers=complexity.CONTAINERS + 1)),
        (_pod(owners=complexity.OWNERS), _pod(owners=complexity.OWNERS + 1)),
    ],
    ids=["containers", "owners"],
)
def test_as_many_as_the_limit_are_not_too_many(
    allowed: dict[str, object], beyond: dict[str, object]
) -> None:
    assert complexity.too_many(allowed) == ""
    assert complexity.too_many(beyond)


def test_as_much_text_as_the_limit_is_not_too_long() -> None:
    assert complexity.too_long(_pod(text=complexity.TEXT - 1)) == ""
    assert complexity.too_long(_pod(text=complexity.TEXT))
