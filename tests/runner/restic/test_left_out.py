"""Options of `restic backup`, and what they leave out, however they are written."""

import shlex

import pytest

from runner.restic import left_out
from runner.restic.left_out import Options

CACHE = ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("--exclude *.tmp", Options(patterns=["*.tmp"])),
        ("--exclude=*.tmp", Options(patterns=["*.tmp"])),
        ("-e *.tmp", Options(patterns=["*.tmp"])),
        ("-e*.tmp", Options(patterns=["*.tmp"])),
        ("-e=*.tmp", Options(patterns=["*.tmp"])),
        ("-xe *.tmp", Options(patterns=["*.tmp"], one_file_system=True)),
        ("-vxe*.tmp -e b", Options(patterns=["*.tmp", "b"], one_file_system=True)),
        ("--exclude 'two words'", Options(patterns=["two words"])),
        ("--iexclude=A --iexclude B", Options(insensitive=["A", "B"])),
        ("--exclude-file /x --iexclude-file=/y", Options(files=[("/x", False), ("/y", True)])),
        ("--exclude-caches", Options(present=[CACHE])),
        ("--exclude-caches=true", Options(present=[CACHE])),
        ("--exclude-caches=false", Options()),
        ("--exclude-if-present .nobackup", Options(present=[(".nobackup", "")])),
        ("--exclude-if-present=a:b:c", Options(present=[("a", "b:c")])),
        ("--exclude-larger-than 1M", Options(largest=1 << 20)),
        ("--exclude-larger-than=2g", Options(largest=2 << 30)),
        ("--exclude-larger-than 10", Options(largest=10)),
        ("--one-file-system", Options(one_file_system=True)),
        ("-x", Options(one_file_system=True)),
        ("-x=false", Options()),
        ("--tag --exclude --tag=x -H -e -o x=y", Options()),
        ("-Hexclude -qv --no-scan --compression max", Options()),
        ("--exclude-cloud-files", Options()),
        ("", Options()),
    ],
)
def test_options_are_read_as_restic_reads_them(text: str, options: Options) -> None:
    assert left_out.options(tuple(shlex.split(text))) == options


@pytest.mark.parametrize(
    "text",
    ["--exclude", "-e", "-xe", "--exclude-larger-than much", "--exclude-caches=perhaps",
     "--exclude-if-present :x"],
)  # fmt: skip
def test_options_that_restic_refuses_are_an_error_that_names_them(text: str) -> None:
    with pytest.raises(ValueError, match=left_out.KEY):
        left_out.options(tuple(shlex.split(text)))


def test_a_file_of_patterns_has_comments_and_variables() -> None:
    text = "\ufeff# a comment\n\n  *.tmp \n$HOME/x\n${HOME}y\n$$z\n$UNSET/q\r\n"

    assert left_out.lines(text, {"HOME": "/h"}) == ["*.tmp", "/h/x", "/hy", "$z", "/q"]
