"""YAML as Kubernetes knows it: what a tag says otherwise is an error with a line."""

import pytest

from webhook.manifests import documents


@pytest.mark.parametrize(
    "value",
    ['!!int ""', "!!int x", "!!int [1]", "!!int {}", '!!float ""', "!!float x", "!!bool x",
     "!!bool ''", "!!float [1]", "!!str {}", "!!seq x", "!!map [x]", "!!int 0b", "!!int 0o9",
     "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!!binary aGk=", "!!binary '*'",
     "!!python/name:os.system", "!mine x", "{? [a] : b}", "{? {a: 1} : b}", "!!null x"],
)  # fmt: skip
def test_invalid_json_is_an_error_with_its_line(value: str) -> None:
    with pytest.raises(documents.UnreadableError, match=r"^not YAML: ") as raised:
        documents.load(f"kind: X\na:\n  b: {value}\n")

    assert raised.value.line == 3


@pytest.mark.parametrize(
    ("value", "read"),
    [('!!timestamp "2026-01-01"', "2026-01-01"), ("!!timestamp x", "x"), ('!!timestamp ""', ""),
     ("2026-01-01", "2026-01-01"), ("!!value =", "="), ("=", "="), ("!!null ''", None),
     ('!!int "1"', 1), ('!!bool "yes"', True), ("!!str 1", "1"), ('!!float "1"', 1.0)],
)  # fmt: skip
def test_a_yaml_tag_that_kubernetes_lacks_leaves_the_text(value: str, read: object) -> None:
    """A time is none of JSON: written anew, it was another text than the one before."""
    (found,) = documents.load(f"kind: X\na: {value}\n")

    assert found["a"] == read
    assert documents.load(documents.dump([found])) == [found]


@pytest.mark.parametrize(
    ("value", "read"),
    [("yes", True), ("on", True), ("y", True), ("No", False), ("OFF", False), ("tRue", "tRue"),
     ("~", None), ("Null", None), ("1:30", "1:30"), ("12:30:45", "12:30:45"), ("0x1F", 31),
     ("010", 8), ("08", 8.0), ("0o14", 12), ("-0b11", -3), ("1_000", 1000), ("1e3", 1000.0),
     (".5", 0.5), ("1.", 1.0), ("_1", "_1"), ("0o", "0o"), ("0b12", "0b12"), ("1e400", "1e400"),
     ("18446744073709551615", 2**64 - 1), ("18446744073709551616", 2.0**64), ("! 5", "5"),
     ("{1: a, true: b, 1.5: c}", {"1": "a", "true": "b", "1.5": "c"}), ("{a: 1, a: 2}", {"a": 2}),
     ("{p: 3, <<: {p: 1}}", {"p": 1}), ("{<<: [{p: 1}, {p: 2, q: 2}]}", {"p": 1, "q": 2}),
     ('{"<<": 1}', {"<<": 1}), ("x\t# y", "x"), ("[a,\tb\t]", ["a", "b"])],
)  # fmt: skip
def test_a_value_is_what_kubectl_reads(value: str, read: object) -> None:
    """Held against sigs.k8s.io/yaml 1.6.0, which kubectl reads with."""
    (found,) = documents.load(f"kind: X\na: {value}\n")

    assert (found["a"], type(found["a"])) == (read, type(read))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [("a: &a [*a]", 2, "contains itself"), ("a: *b", 2, "the anchor 'b' is not defined"),
     ("a: .inf", 2, "is not a JSON number"), ("a:\n  ~: b", 3, "cannot be a key"),
     ("a: {<<: 1}", 2, "<< takes a mapping"), ("a: " + "[" * 300 + "]" * 300, 2, "too deeply"),
     ("a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n"
                                for n in range(9)), 8, "more than 300000 values")],
)  # fmt: skip
def test_yaml_that_kubectl_refuses_is_an_error_with_its_line(
    text: str, line: int, message: str
) -> None:
    with pytest.raises(documents.UnreadableError, match=message) as raised:
        documents.load(f"kind: X\n{text}\n")

    assert raised.value.line == line


@pytest.mark.parametrize("mark", ["\x85", "\u2028", "\u2029"])
def test_an_unusual_line_break_stays_a_line_break(mark: str) -> None:
    file = documents.File(f"{mark}kind: Pod\nspec: {{}}\n{mark}---\nkind: Job\n")
    file.documents[0]["added"] = "x"

    assert mark not in file.text()
    assert documents.load(file.text()) == file.documents


HALVES = [r"\ud800", r"\uDFFF", r"\udc00\ud800"]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("form", ['{{"kind": "{}"}}', '{{"kind": "Pod", "x": [{{"{}": 1}}]}}'])
def test_half_of_a_surrogate_pair_is_an_error_with_its_line(half: str, form: str) -> None:
    with pytest.raises(documents.UnreadableError, match="half of a surrogate pair") as caught:
        documents.load("\n" + form.format(half))

    assert caught.value.line == 2


def test_a_complete_surrogate_pair_is_its_character() -> None:
    assert documents.load(r'{"kind": "\ud83d\ude00"}') == [{"kind": "\U0001f600"}]
