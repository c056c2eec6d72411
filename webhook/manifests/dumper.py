"""Writes values as YAML and JSON that every reader understands identically. Pure."""

import json
import re
from typing import Any

import yaml

from contract.text import escaped, printable
from webhook.manifests import values

try:
    from yaml import CSafeDumper as _Base
except ImportError:  # PyYAML was built without libyaml: slower, and else the same
    from yaml import SafeDumper as _Base  # type: ignore[assignment]

# What YAML readers other than PyYAML take for a number or a truth value.
_ELSEWHERE = re.compile(
    r"[-+]?(?:0[xXoObB][0-9a-fA-F_]+|\.?[0-9][0-9_.]*(?:[eE][-+]?[0-9]+)?)|[yYnN]"
)
_SAFE = re.compile(r"[A-Za-z/][A-Za-z0-9./_-]*")  # needs no quotes, wherever it stands


class _Dumper(_Base):
    """Writes strings so that every YAML reader reads the same strings, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401, ARG002 -- any value
        return True


def _represent(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if not text.replace("\n", "").isprintable() or _ELSEWHERE.fullmatch(text):
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def documents(found: list[Any]) -> str:
    """Return documents as YAML."""
    text = _dumped(found, as_it_is=True)
    # What would steer a terminal is written as its number, and with it all that is not ASCII.
    return text if printable(text, kept="\n") == text else _dumped(found, as_it_is=False)


def _dumped(found: list[Any], *, as_it_is: bool) -> str:
    return yaml.dump_all(found, Dumper=_Dumper, sort_keys=False, allow_unicode=as_it_is, width=100)


def lines(found: Any, indent: int) -> list[str]:  # noqa: ANN401 -- a list or mapping
    """Return the lines of a collection in block style, each indented."""
    return [f"{' ' * indent}{line}" if line else "" for line in documents([found]).splitlines()]


def flow(found: Any, *, as_json: bool = False) -> str:  # noqa: ANN401 -- any value of JSON
    """Return a value on one line."""
    if as_json:
        return escaped(json.dumps(found, ensure_ascii=False))
    if isinstance(found, dict):
        entries = [f"{flow(key)}: {flow(item)}" for key, item in found.items()]
        return f"{{{', '.join(entries)}}}"
    if isinstance(found, list):
        return f"[{', '.join(map(flow, found))}]"
    if isinstance(found, str) and _SAFE.fullmatch(found) and values.plain(found) == found:
        return found
    return escaped(json.dumps(found, ensure_ascii=False))
