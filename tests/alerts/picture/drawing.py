"""Draws numbers and tables of a dashboard, about as Grafana does: so much of it as ours uses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tests.alerts.picture.svg import (
    COLORS,
    HEAD,
    INK,
    NOTHING,
    Box,
    Json,
    Series,
    box,
    frame,
    text_at,
)
from tests.alerts.picture.units import written


def stat(panel: Json, found: Sequence[Series]) -> str:
    """Return numbers on their colors, side by side."""
    place = box(panel)
    parts = [frame(place, panel["title"])]
    inner = Box(place.x, place.y + HEAD, place.width, place.height - HEAD)
    width = inner.width / max(len(found), 1)
    for number, each in enumerate(found or [NOTHING]):
        x = inner.x + number * width
        text, color = _shown(panel, each.last)
        parts.append(
            f'<rect x="{x + 2:g}" y="{inner.y:g}" width="{width - 4:g}" '
            f'height="{inner.height - 2:g}" rx="2" fill="{color}"/>'
        )
        middle = inner.y + inner.height / 2
        size = min(38.0, 1.3 * width / max(len(text), 1))
        parts.append(text_at(x + width / 2, middle + size * 0.35, text, "m b", size, "#fff"))
        if len(found) > 1:
            parts.append(text_at(x + 10, inner.y + 18, each.name, "", 12, "#fff"))
    return "".join(parts)


def _shown(panel: Json, value: float) -> tuple[str, str]:
    defaults = panel["fieldConfig"]["defaults"]
    for mapping in defaults.get("mappings", ()):
        if mapping["type"] == "special" and math.isnan(value):
            return mapping["options"]["result"]["text"], mapping["options"]["result"]["color"]
        option = mapping["options"].get(f"{value:g}")
        if option:
            return option["text"], COLORS[option["color"]]
    if math.isnan(value):
        return "No data", COLORS["text"]
    text = written(value, defaults["unit"], defaults.get("decimals"))
    return text, _threshold(defaults["thresholds"], value)


def _threshold(thresholds: Json, value: float) -> str:
    reached = [s for s in thresholds["steps"] if s["value"] is None or value >= s["value"]]
    return COLORS[reached[-1]["color"]]


@dataclass(frozen=True, slots=True)
class Cell:
    """``color`` is empty where there is none."""

    text: str
    color: str = ""


def table(panel: Json, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table; what does not fit is left out, as below the edge of a panel."""
    place = box(panel)
    parts = [frame(place, panel["title"])]
    width = (place.width - 16) / len(columns)
    for number, name in enumerate(columns):
        parts.append(text_at(place.x + 12 + number * width, place.y + HEAD + 14, name, "i b"))
    fit = int((place.height - HEAD - 24) / 25)
    for line, row in enumerate(rows[:fit]):
        y = place.y + HEAD + 22 + line * 25
        parts.append(f'<path class="g" d="M{place.x + 8:g} {y:g}h{place.width - 16:g}"/>')
        for number, cell in enumerate(row):
            x = place.x + 8 + number * width
            if cell.color:
                parts.append(
                    f'<rect x="{x:g}" y="{y + 1:g}" width="{width:g}" height="23" '
                    f'fill="{cell.color}"/>'
                )
            parts.append(text_at(x + 4, y + 17, cell.text, "", 12, "#fff" if cell.color else INK))
    if len(rows) > fit:
        parts.append(text_at(place.x + place.width - 8, place.y + 19, "scroll for more", "p e"))
    return "".join(parts)


def cell(panel: Json, column: str, value: float) -> Cell:
    """Return a number as a column shows it."""
    options = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"]["options"] == column:
            options |= {each["id"]: each["value"] for each in override["properties"]}
    for mapping in options.get("mappings", ()):
        option = mapping["options"].get(f"{value:g}")
        if option:
            return Cell(option["text"], COLORS.get(option.get("color", ""), ""))
    colored = "color-background" in str(options.get("custom.cellOptions"))
    color = _threshold(options["thresholds"], value) if colored else ""
    return Cell(written(value, options["unit"], options.get("decimals")), color)
