"""Writes what the chart says twice, from where it is said first: `python -m tools.chart_values`.

The table of values in the chart's README.md comes from the comments in values.yaml, the list of
annotations in its templates from contract/annotations/settings.py.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from contract.annotations import settings

CHART = Path(__file__).parents[1] / "manifests" / "chart"
README = CHART / "README.md"
ANNOTATIONS = CHART / "templates" / "_annotations.tpl"
_HEADING = "## Values\n"
_MARK = "# -- "


class UndocumentedError(Exception):
    """A value has no comment of one line that begins with `# -- ` right above it."""


def readme() -> str:
    """Return the README with a table made again."""
    values = (CHART / "values.yaml").read_text("utf-8")
    before, heading, _ = README.read_text("utf-8").partition(_HEADING)
    rows = [f"| `{name}` | {shown} | {meaning} |\n" for name, shown, meaning in table(values)]
    return "".join([before, heading, "\n| value | default | meaning |\n|---|---|---|\n", *rows])


def table(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, default and meaning of each value of a values.yaml; or UndocumentedError."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return
    yield from _rows(root, yaml.safe_load(text), text.splitlines(), "")


def _rows(
    node: yaml.Node, values: Mapping[str, Any], lines: list[str], prefix: str
) -> Iterator[tuple[str, str, str]]:
    for key, below in node.value:
        name, value = f"{prefix}{key.value}", values[key.value]
        above = lines[key.start_mark.line - 1].strip()
        if above.startswith(_MARK):
            yield name, _shown(value), above.removeprefix(_MARK).replace("|", "\\|")
        elif isinstance(value, dict) and value:
            yield from _rows(below, value, lines, f"{name}.")
        else:
            raise UndocumentedError(f"value {name} needs a line `{_MARK}…` above it")


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if text else ""


def annotations() -> str:
    """Return the template that lists every annotation which is a setting."""
    listed = json.dumps([setting.annotation for setting in settings.ALL])
    return (
        "{{- /* Made by `python -m tools.chart_values` from contract/annotations/. */ -}}\n"
        f'{{{{- define "backup.annotations" -}}}}\n{listed}\n{{{{- end -}}}}\n'
    )


def main() -> None:
    """Write both files."""
    README.write_text(readme(), "utf-8")
    ANNOTATIONS.write_text(annotations(), "utf-8")


if __name__ == "__main__":
    main()
