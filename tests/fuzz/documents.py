"""Manifests as `inject` and `lint` read them: `documents.load`, and back by `documents.dump`.

Whatever the text is, there are documents or an UnreadableError; what is written is read as the same
again.
"""

import re

import atheris

with atheris.instrument_imports(include=["webhook", "yaml"]):
    from webhook import documents

from tests.fuzz import running

_BREAKS = re.compile("[\n\r\x85\u2028\u2029]")  # of lines, as YAML has them


def one(data: bytes) -> None:
    """Read one text, and what is written of it."""
    text = data.decode("utf-8", "replace")
    try:
        read = documents.load(text)
    except documents.UnreadableError as error:
        read, line = [], error.line
    else:
        line = 1
    assert 1 <= line <= len(_BREAKS.findall(text)) + 2
    for each in read:
        assert isinstance(each["kind"], str)
    written = documents.dump(read)
    again = documents.dump(documents.load(written))
    assert again == written


if __name__ == "__main__":
    running.start(one)
