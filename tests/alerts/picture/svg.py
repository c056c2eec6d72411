"""The parts of a picture that all panels of a dashboard have, as SVG: places, frames, colors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

Json = dict[str, Any]

COLUMN, ROW = 56, 38  # pixels of the grid
GAP, HEAD = 8, 30
INK, PALE, LINE, PANEL, PAGE = "#ccccdc", "#8e8e99", "#2c2f36", "#181b1f", "#111217"
COLORS = {
    "green": "#56a64b", "red": "#e02f44", "orange": "#ff780a", "blue": "#3274d9",
    "yellow": "#e0b400", "text": "#6e7079",
}  # fmt: skip
PALETTE = (
    "#7eb26d", "#eab839", "#6ed0e0", "#ef843c", "#e24d42", "#1f78c1", "#ba43a9", "#705da0",
    "#508642", "#cca300", "#447ebc", "#c15c17",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Series:
    """A line: points of time and value, in the order of time; or one point, now."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """Its newest value."""
        return self.points[-1][1]


NOTHING = Series("", [(0, math.nan)])


@dataclass(frozen=True, slots=True)
class Box:
    """Where a panel is, in pixels, without the gap to the next."""

    x: float
    y: float
    width: float
    height: float


def box(panel: Json) -> Box:
    """Return the place that the dashboard gives a panel."""
    place = panel["gridPos"]
    return Box(
        place["x"] * COLUMN, place["y"] * ROW,
        place["w"] * COLUMN - GAP, place["h"] * ROW - GAP,
    )  # fmt: skip


def page(width: float, height: float, parts: Sequence[str]) -> str:
    """Return a whole picture."""
    style = (
        "text{font-family:Inter,'DejaVu Sans',Helvetica,Arial,sans-serif;font-size:12px}"
        f".i{{fill:{INK}}}.p{{fill:{PALE}}}.m{{text-anchor:middle}}.e{{text-anchor:end}}"
        f".b{{font-weight:bold}}.g{{stroke:{LINE}}}.l{{fill:none;stroke-width:1.4}}"
    )
    frame = f'viewBox="{-GAP} {-GAP} {width + GAP:g} {height + GAP:g}"'
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>', f"<style>{style}</style>",
        f'<rect x="{-GAP}" y="{-GAP}" width="100%" height="100%" fill="{PAGE}"/>',
        *parts, "</svg>\n",
    ))  # fmt: skip


def heading(panel: Json) -> str:
    """Return the line above a row of panels."""
    place = box(panel)
    return text_at(place.x + 4, place.y + 21, f"⌄ {panel['title']}", "i b", 15)


def frame(place: Box, title: str) -> str:
    """Return the ground of a panel and its title."""
    return (
        f'<rect x="{place.x:g}" y="{place.y:g}" width="{place.width:g}" '
        f'height="{place.height:g}" rx="3" fill="{PANEL}" class="g"/>'
        + text_at(place.x + 10, place.y + 20, title, "i b", 13)
    )


def text_at(x: float, y: float, text: str, kind: str, size: float = 12, fill: str = "") -> str:
    """Return a text; ``kind`` are classes of the picture's style."""
    style = f' style="font-size:{size:.0f}px"' if round(size) != 12 else ""
    color = f' fill="{fill}"' if fill else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}"{style}{color}>{escape(text)}</text>'
