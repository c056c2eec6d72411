"""The downward API's file: one key and Go-quoted value a line."""

import pytest

from runner.config import downward_api


def test_each_line_is_one_annotation() -> None:
    """As the kubelet sorts and writes them."""
    text = 'backup.enabled="true"\nbackup.schedule="H 3 * * *"\nkubernetes.io/psp="x"\n'

    assert downward_api.parse(text) == {
        "backup.enabled": "true",
        "backup.schedule": "H 3 * * *",
        "kubernetes.io/psp": "x",
    }


@pytest.mark.parametrize(
    ("quoted", "value"),
    [
        ("", ""),
        (r"say \"no\"", 'say "no"'),
        (r"*.tmp\ncache\n", "*.tmp\ncache\n"),
        (r"C:\\new\\x41", r"C:\new\x41"),
        (r"a\\\"b", 'a\\"b'),
        (r"\\", "\\"),
        (r"a\tb\rc\ad\be\ff\vg", "a\tb\rc\ad\be\ff\vg"),
        (r"\x00\x1b\x7f", "\x00\x1b\x7f"),
        (r"\u00a0\u2028\ufeff", "\u00a0\u2028\ufeff"),
        (r"\U000e0001", "\U000e0001"),
        ("Käse 日本 🎉", "Käse 日本 🎉"),
        (r"a=b,c=\"d\"", 'a=b,c="d"'),
        (r"{\"keep\": [1, \"\\n\"]}", '{"keep": [1, "\\n"]}'),
        ("it's", "it's"),
        (" padded ", " padded "),
        ("a\N{NO-BREAK SPACE}b", "a\N{NO-BREAK SPACE}b"),
    ],
)
def test_a_value_is_unquoted_as_go_quoted_it(quoted: str, value: str) -> None:
    """Each escape that strconv.Quote writes."""
    assert downward_api.parse(f'backup.exclude="{quoted}"\n') == {"backup.exclude": value}


@pytest.mark.parametrize("quoted", [r"\xff\xfe", r"\U00110000", r"\ud800"])
def test_invalid_utf_8_is_replaced(quoted: str) -> None:
    """It can hurt only the value that it stands in."""
    found = downward_api.parse(f'a="x"\nbackup.exclude="{quoted}"\nb="y"\n')

    assert list(found) == ["a", "backup.exclude", "b"]
    assert (found["a"], found["b"]) == ("x", "y")


@pytest.mark.parametrize(
    "line",
    ["", "garbage", "key=value", 'key="open', 'key=open"', '="x"', 'key="a"b"', 'key="a" ',
     "key='a'", r'key="a\"', "\0"],
)  # fmt: skip
def test_a_malformed_line_is_left_out_and_the_others_stay(line: str) -> None:
    """A typo never costs a backup."""
    text = f'backup.paused="false"\n{line}\nbackup.schedule="@daily"\n'

    assert downward_api.parse(text) == {"backup.paused": "false", "backup.schedule": "@daily"}


@pytest.mark.parametrize("text", ["", "\n", "\n\n"])
def test_an_empty_file_is_no_annotation(text: str) -> None:
    """A pod without any."""
    assert downward_api.parse(text) == {}


def test_the_last_line_needs_no_newline() -> None:
    """Nor do we care."""
    assert downward_api.parse('a="b"') == {"a": "b"}
