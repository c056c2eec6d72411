"""Draws lines over time of a dashboard, about as Grafana does: so much of it as ours uses."""

import math
from collections.abc import Callable, Sequence

from tests.alerts.picture.svg import COLORS, HEAD, PALETTE, Box, Json, Series, box, frame, text_at
from tests.alerts.picture.units import written

_LEFT, _FOOT = 76, 22  # pixels for the scale


def timeseries(panel: Json, found: Sequence[Series], start: float, end: float) -> str:
    """Return lines over time, stacked where the panel says so, with their legend."""
    place = box(panel)
    defaults = panel["fieldConfig"]["defaults"]
    parts = [frame(place, panel["title"])]
    colors = [_line_color(panel, each.name, number) for number, each in enumerate(found)]
    legend, lines = _legend(place, [each.name for each in found], colors)
    plot = Box(
        place.x + _LEFT, place.y + HEAD + 6, place.width - _LEFT - 14,
        place.height - HEAD - _FOOT - 10 - 16 * lines,
    )  # fmt: skip
    if not found:
        return "".join((*parts, _centred(plot, "No data")))
    stacked = "stacking" in defaults["custom"]
    drawn = _stack(found) if stacked else list(found)
    limits = [
        step["value"] for step in defaults["thresholds"]["steps"] if step["value"] is not None
    ]
    top = max((value for each in drawn for _, value in each.points), default=0)
    ticks = _ticks(defaults.get("max", top), defaults)

    def down(value: float) -> float:
        return plot.y + plot.height * (1 - value / ticks[-1])

    def across(time: float) -> float:
        return plot.x + plot.width * (time - start) / (end - start)

    for tick in ticks:
        y = down(tick)
        parts.append(f'<path class="g" d="M{plot.x:g} {y:.1f}h{plot.width:g}"/>')
        label = written(tick, defaults["unit"], defaults.get("decimals"))
        parts.append(text_at(plot.x - 6, y + 4, label, "p e", 11))
    for day in range(1, 7):
        x = across(start + day * (end - start) / 7)
        label = f"{7 - day} d ago"
        parts.append(text_at(x, plot.y + plot.height + 16, label, "p m", 11))
    if defaults["custom"].get("thresholdsStyle", {}).get("mode") == "line":
        parts += [
            f'<path d="M{plot.x:g} {down(limit):.1f}h{plot.width:g}" '
            f'stroke="{COLORS["red"]}" stroke-width="1.4" opacity=".8"/>'
            for limit in limits if limit <= ticks[-1]
        ]  # fmt: skip
    opacity = defaults["custom"]["fillOpacity"] / 100
    base = [plot.y + plot.height]
    step = _usual_step(found)
    for number, each in reversed(list(enumerate(drawn))):
        color = colors[number]
        for piece in _pieces(each.points, step):
            path = _path(piece, across, down)
            if opacity and stacked:
                last = across(piece[-1][0])
                parts.append(
                    f'<path fill="{color}" d="{path}H{last:.0f}V{base[0]:.0f}'
                    f'H{across(piece[0][0]):.0f}Z"/>'
                )
            parts.append(f'<path class="l" stroke="{color}" d="{path}"/>')
    return "".join((*parts, *legend))


def _usual_step(found: Sequence[Series]) -> float:
    gaps = [
        later[0] - earlier[0]
        for each in found for earlier, later in zip(each.points, each.points[1:], strict=False)
    ]  # fmt: skip
    return min(gaps, default=1.0)


def _pieces(points: Sequence[tuple[float, float]], step: float) -> list[list[tuple[float, float]]]:
    """Return the runs of points between which nothing is missing."""
    pieces: list[list[tuple[float, float]]] = []
    for point in points:
        if not pieces or point[0] - pieces[-1][-1][0] > 1.5 * step:
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def _path(
    piece: Sequence[tuple[float, float]],
    across: Callable[[float], float],
    down: Callable[[float], float],
) -> str:
    """Return steps: across first, then up or down; nothing for what does not change."""
    x, y = across(piece[0][0]), down(piece[0][1])
    words = [f"M{x:.0f} {y:.0f}"]
    drawn = f"{y:.0f}"
    for time, value in piece[1:]:
        x, level = across(time), f"{down(value):.0f}"
        if level != drawn:
            words.append(f"H{x:.0f}V{level}")
            drawn = level
    words.append(f"H{max(x, across(piece[0][0]) + 2):.0f}")
    return "".join(words)


def _stack(found: Sequence[Series]) -> list[Series]:
    below: dict[float, float] = {}
    stacked = []
    for each in found:
        points = [(time, value + below.get(time, 0.0)) for time, value in each.points]
        below |= dict(points)
        stacked.append(Series(each.name, points))
    return stacked


def _ticks(top: float, defaults: Json) -> list[float]:
    """Return about four round numbers from 0 to beyond the highest value."""
    if top <= 0:
        return [0.0, 1.0]
    scale = {"s": _time_scale(top), "bytes": 1024.0 ** int(math.log(max(top, 1), 1024))}
    unit = scale.get(defaults["unit"], 1.0)
    rough = top / unit / 3
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(each * magnitude for each in (1, 2, 5, 10) if each * magnitude >= rough)
    if defaults.get("decimals") == 0:
        step = max(1.0, step)
    count = math.ceil(round(top / unit / step, 6))
    return [number * step * unit for number in range(count + 1)]


def _time_scale(top: float) -> float:
    return next((each for each in (604800.0, 86400.0, 3600.0, 60.0) if top >= 2 * each), 1.0)


def _line_color(panel: Json, name: str, number: int) -> str:
    for override in panel["fieldConfig"]["overrides"]:
        properties = {each["id"]: each["value"] for each in override["properties"]}
        if override["matcher"]["options"] == name and "color" in properties:
            return COLORS[properties["color"]["fixedColor"]]
    return PALETTE[number % len(PALETTE)]


def _legend(place: Box, names: Sequence[str], colors: Sequence[str]) -> tuple[list[str], int]:
    """Return the names at the bottom with their colors, and how many lines they take."""
    lines: list[list[tuple[int, str, float]]] = [[]]
    x = 0.0
    for number, name in enumerate(names):
        width = 24 + 6.7 * len(name)
        if x + width > place.width - 16 and lines[-1]:
            lines.append([])
            x = 0.0
        lines[-1].append((number, name, x))
        x += width
    parts = []
    for line, entries in enumerate(lines):
        y = place.y + place.height - 8 - 16 * (len(lines) - 1 - line)
        for number, name, offset in entries:
            color = colors[number]
            left = place.x + 10 + offset
            parts.append(f'<path d="M{left:g} {y - 4:g}h12" stroke="{color}" stroke-width="4"/>')
            parts.append(text_at(left + 16, y, name, "i", 11))
    return parts, len(lines)


def _centred(place: Box, text: str) -> str:
    x, y = place.x + place.width / 2, place.y + place.height / 2 + 6
    return text_at(x, y, text, "p m", 16)
