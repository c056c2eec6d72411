"""Turns nodes into the values that kubectl reads, which are JSON values. Pure.

Its library (sigs.k8s.io/yaml) knows the truth values of YAML 1.1 (``yes``, ``on``), numbers such as
``0o17``, ``1_000`` and ``1e3``, and neither numbers of base 60 nor times.
"""

import math
import re
from typing import Any

from webhook.manifests.nodes import Mapping, Node, Scalar, Sequence, not_yaml

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **{form: True for word in ("y", "yes", "true", "on")
       for form in (word, word.capitalize(), word.upper())},
    **{form: False for word in ("n", "no", "false", "off")
       for form in (word, word.capitalize(), word.upper())},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{f"{sign}{form}": -math.inf if sign == "-" else math.inf
       for sign in ("", "+", "-") for form in (".inf", ".Inf", ".INF")},
}  # fmt: skip
_WHOLE = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|0[oO]?(?P<octal>[0-7]+)"
    r"|(?P<decimal>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_LONGEST = 64  # digits of a number of 64 bits, in base 2
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MERGE = "<<"
_TAGS = "tag:yaml.org,2002:"
_AS_TEXT = {"!", f"{_TAGS}str", f"{_TAGS}timestamp", f"{_TAGS}value"}  # Kubernetes has no times
_KINDS: dict[str, tuple[type, ...]] = {
    f"{_TAGS}null": (type(None),), f"{_TAGS}bool": (bool,), f"{_TAGS}int": (int,),
    f"{_TAGS}float": (int, float),
}  # fmt: skip


def plain(text: str) -> Any:  # noqa: ANN401 -- any value of JSON
    """Return what a text without quotes is to kubectl."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    number = _number(text if text[0] == "." else text.replace("_", ""))
    return text if number is None else number


def _number(text: str) -> int | float | None:
    if match := _WHOLE.fullmatch(text):
        kind, digits = next((name, match[name]) for name in _BASES if match[name])
        if len(digits.lstrip("0")) <= _LONGEST:
            number = int(match["sign"] + digits, _BASES[kind])
            if -(2**63) <= number < (2**63 if match["sign"] else 2**64):
                return number
    if _FRACTION.fullmatch(text) and math.isfinite(fraction := float(text)):
        return fraction
    return None


def value(node: Node) -> Any:  # noqa: ANN401 -- any value of JSON
    """Return a new value, in which nothing is shared; raise UnreadableError."""
    while node.target:
        node = node.target
    if isinstance(node, Scalar):
        return _scalar(node)
    if isinstance(node, Sequence):
        _expect(node, "seq")
        return [value(item) for item in node.items]
    found: dict[str, Any] = {}
    _expect(node, "map")
    for key, part in node.pairs if isinstance(node, Mapping) else ():
        if is_merge(key):
            _merge(found, part)
        else:
            found[key_of(key)] = value(part)
    return found


def is_merge(key: Node) -> bool:
    """Whether a key stands for the entries of other mappings."""
    return isinstance(key, Scalar) and key.plain and key.text == _MERGE and not key.tag


def key_of(node: Node) -> str:
    """Return a key, which JSON has as text; raise UnreadableError."""
    while node.target:
        node = node.target
    if not isinstance(node, Scalar):
        raise not_yaml(node.line, "a list or mapping cannot be a key")
    key = _scalar(node)
    if isinstance(key, bool):
        return str(key).lower()
    if key is None or (isinstance(key, float) and not (key == 0 or 1e-4 <= abs(key) < 1e6)):
        raise not_yaml(node.line, f"{node.text!r} cannot be a key; write it in quotes")
    return str(int(key) if isinstance(key, float) and key.is_integer() else key)


def _merge(found: dict[str, Any], node: Node) -> None:
    """Merge the entries of a mapping, or of several; earlier ones take precedence."""
    while node.target:
        node = node.target
    for each in reversed(node.items) if isinstance(node, Sequence) else (node,):
        entries = value(each)
        if not isinstance(entries, dict):
            raise not_yaml(each.line, f"{_MERGE} takes a mapping or a list of mappings")
        found.update(entries)


def _scalar(node: Scalar) -> Any:  # noqa: ANN401 -- any value of JSON
    if not node.tag:
        found = plain(node.text) if node.plain else node.text
    elif node.tag in _AS_TEXT:
        return node.text
    elif node.tag in _KINDS:
        found = plain(node.text)
        if type(found) not in _KINDS[node.tag]:
            raise not_yaml(node.line, f"this is not a {node.tag.removeprefix(_TAGS)}")
        found = float(found) if node.tag.endswith(":float") else found
    else:
        raise not_yaml(node.line, f"Kubernetes does not know the tag {node.tag!r} of a text")
    if isinstance(found, float) and not math.isfinite(found):
        raise not_yaml(node.line, f"{node.text!r} is not a JSON number")
    return found


def _expect(node: Node, kind: str) -> None:
    if node.tag not in {"", "!", f"{_TAGS}{kind}"}:
        raise not_yaml(node.line, f"Kubernetes does not know the tag {node.tag!r} of a {kind}")
