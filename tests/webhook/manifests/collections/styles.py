"""How people write YAML: as text of each style, with its comments."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from tests.webhook.manifests.collections.parts import Json, Written


class _Indented(yaml.SafeDumper):
    """Writes lists indented below their key, as people do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent also lists."""
        del indentless
        super().increase_indent(flow, False)


def _dumped(found: Json, **how: Any) -> str:  # noqa: ANN401 -- PyYAML's options
    dumped: str = yaml.dump(found, sort_keys=False, width=1000, **how)
    return dumped


def _plain(objects: Sequence[Json]) -> str:
    return "---\n".join(_dumped(each, Dumper=yaml.SafeDumper) for each in objects)


def _helm(objects: Sequence[Json]) -> str:
    """As `helm template` prints: each document has its source, lists are not indented."""
    return "".join(
        f"---\n# Source: chart/templates/{each['kind'].lower()}.yaml\n"
        f"{_dumped(each, Dumper=yaml.SafeDumper)}"
        for each in objects
    )


def _commented(objects: Sequence[Json]) -> str:
    """By hand: comments above keys and at the ends of lines, documents that end."""
    text = "\n---\n".join(_dumped(each, Dumper=_Indented) for each in objects)
    text = re.sub(r"^( *)(volumeMounts|securityContext):", r"\1# keep in step\n\1\2:", text,
                  flags=re.MULTILINE)  # fmt: skip
    return "# yaml-language-server: $schema=none\n" + re.sub(
        r"^(kind: .*)$", r"\1  # see the README", text, flags=re.MULTILINE
    )


def _flowing(objects: Sequence[Json]) -> str:
    """With the innermost mappings and lists in braces."""
    return "---\n".join(
        _dumped(each, Dumper=_Indented, default_flow_style=None) for each in objects
    )


class _Quoted(yaml.SafeDumper):
    """Writes every text in quotes, as generators do."""


_Quoted.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def _quoted(objects: Sequence[Json]) -> str:
    return "---\n".join(_dumped(each, Dumper=_Quoted) for each in objects)


def _json(objects: Sequence[Json]) -> str:
    """As `kubectl get -o json` prints."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}, indent=4) + "\n"


def _listed(objects: Sequence[Json]) -> str:
    return _dumped({"apiVersion": "v1", "kind": "List", "items": list(objects)}, Dumper=_Indented)


def _windows(objects: Sequence[Json]) -> str:
    """With a byte-order mark and the ends of lines of Windows."""
    return "\ufeff" + _commented(objects).replace("\n", "\r\n")


_STYLES: dict[str, Callable[[Sequence[Json]], str]] = {
    "plain": _plain, "helm": _helm, "commented": _commented, "flowing": _flowing,
    "quoted": _quoted, "json": _json, "listed": _listed, "windows": _windows,
}  # fmt: skip


def text(file: Written) -> str:
    """Return a file as its authors would write it."""
    # Without what the objects share: PyYAML would write anchors.
    return _STYLES[file.style](json.loads(json.dumps(file.objects)))
