"""Whatever a text is about, what stands where credentials do is not shown."""

import pytest

from contract.secret.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("open https://ghp_4f8aXz@git.example.com/x", "open https://***@git.example.com/x"),
        ("rest:https://user:a@b:c@host/x", "rest:https://user:***@host/x"),
        ("sent Authorization: abcdef", "sent Authorization: ***"),
        ("sent proxy-authorization: Basic abcdef", "sent proxy-authorization: Basic ***"),
        ("sftp://backup@nas/x", "sftp://backup@nas/x"),
        ("https://example.com/@user/x", "https://example.com/@user/x"),
    ],
)
def test_credentials_are_masked_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact(text) == shown
