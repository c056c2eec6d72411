"""Manifests as `inject` and `lint` read them: `documents.File`, `load` and `dump`.

Whatever the text is, there are documents or an UnreadableError; what is written is read as the same
again. A text to which nothing was added stays as it is; one to which something was added is read as
the documents with the addition.
"""

import re

import atheris

from contract.text import printable

with atheris.instrument_imports(include=["webhook", "yaml"]):
    from webhook.manifests import documents, edits

from tests.fuzz import running

_BREAKS = re.compile("[\n\r\x85\u2028\u2029]")  # of lines, as YAML has them


def one(data: bytes) -> None:
    """Read one text, and what is written of it."""
    text = data.decode("utf-8", "replace")
    try:
        read = _added_to(text)
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


def _added_to(text: str) -> list[documents.Document]:
    """Return the documents of a text, after an addition to each was tried."""
    file = documents.File(text)
    before = documents.load(text)
    assert printable(text, kept="\t\r\n\ufeff") != text or file.text() == text
    for each in file.documents:
        each["added"] = {"a": [True, "b: #"]}
        for found in each.values():
            if isinstance(found, dict):
                found["more"] = "yes"
            elif isinstance(found, list):
                found[len(found) // 2 :] = [None, *found[len(found) // 2 :]]
    assert edits.same(documents.load(file.text()), file.documents)
    return before


if __name__ == "__main__":
    running.start(one)
