"""What is written into the Secret is read back; what somebody broke in it is left out."""

import json
from dataclasses import replace

import pytest

from certs import secret
from certs.rotation import Content
from certs.secret import Parsed
from tests.certs.test_rotation import PUBLISHED, PUBLISHING, STEADY, SWITCHED


def _written(content: Content) -> dict[str, bytes]:
    return {key: value for key, value in secret.dump(content).items() if value is not None}


@pytest.mark.parametrize("asked", [False, True], ids=["", "asked"])
@pytest.mark.parametrize("content", [STEADY, PUBLISHING, PUBLISHED, SWITCHED])
def test_content_is_read_back_from_the_secret(content: Content, *, asked: bool) -> None:
    content = replace(content, asked=asked)

    assert secret.parse(_written(content)) == Parsed(content)


def test_every_key_is_written_or_removed() -> None:
    assert set(secret.dump(STEADY)) == set(secret.KEYS)
    assert set(_written(STEADY)) == {"ca.crt", "ca.key"}


def test_keys_of_others_are_ignored() -> None:
    assert secret.parse(_written(STEADY) | {"tls.crt": b"x", "": b"y"}) == Parsed(STEADY)


@pytest.mark.parametrize("data", [{}, {"ca.crt": b"", "ca.key": b""}, {"other": b"x"}], ids=str)
def test_empty_secret_is_empty_and_valid(data: dict[str, bytes]) -> None:
    assert secret.parse(data) == Parsed()


@pytest.mark.parametrize("key", ["ca.crt", "ca.key"])
@pytest.mark.parametrize("value", [b"", b"junk", b"\xff\x00", None])
def test_invalid_ca_is_named_and_ignored(key: str, value: bytes | None) -> None:
    data = _written(PUBLISHED)
    data.pop(key)
    if value is not None:
        data[key] = value

    parsed = secret.parse(data)
    content, problems = parsed.content, parsed.broken

    assert content is None
    assert [problem.split(":")[0] for problem in problems] == ["ca.crt and ca.key"]
    assert "PRIVATE" not in json.dumps(problems)


@pytest.mark.parametrize("key", ["next.crt", "next.key"])
def test_invalid_next_ca_is_named_and_left_out(key: str) -> None:
    parsed = secret.parse(_written(PUBLISHED) | {key: b"junk"})
    content, problems = parsed.content, parsed.broken

    assert content == STEADY
    assert problems[0].startswith("next.crt and next.key: ")


def test_invalid_previous_ca_is_named_and_left_out() -> None:
    parsed = secret.parse(_written(SWITCHED) | {"previous.crt": b"junk"})
    content, problems = parsed.content, parsed.broken

    assert content == Content(SWITCHED.current)
    assert problems[0].startswith("previous.crt: ")


@pytest.mark.parametrize("text", [b"", b"yesterday", b"2027-03-01T12:00:00", b"\xff", b"17"])
def test_unreadable_timestamp_counts_as_absent(text: bytes) -> None:
    assert secret.parse(_written(PUBLISHED) | {"published": text}) == Parsed(PUBLISHING)
