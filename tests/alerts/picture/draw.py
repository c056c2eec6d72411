"""`make dashboard-picture`: draw the dashboard as it looks after a week of real runs.

No Grafana: each panel's queries are asked of a real Prometheus that has that week, and drawn with
the panel's own place, unit, thresholds and legend.
"""

import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.alerts import dashboard, rules
from tests.alerts.dashboard import Json
from tests.alerts.picture import drawing, lines, svg, week
from tests.alerts.picture.drawing import Cell
from tests.alerts.picture.svg import Series
from tests.cluster.work import until
from tests.services import prometheus, pushgateway
from tests.services.programs import need
from tests.services.prometheus import Prometheus

TARGET = Path(__file__).parents[3] / "docs" / "images" / "dashboard.svg"
_VARIABLES = {
    "$cluster": ".*", "$namespace": ".*", "$workload": ".*", "$__rate_interval": "4h",
}  # fmt: skip
_NOBODY = "127.0.0.1:9"
_FIRING = 'count(ALERTS{alertstate="firing"})'
_STEP = 3600  # seconds between two points of a line
_KEYS = ("cluster", "namespace", "instance")
# A value of the past counts for longer than usual: the week has one each quarter of an hour.
_FLAGS = ("--query.lookback-delta=1h", "--storage.tsdb.retention.time=30d")


def main() -> int:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _remember(folder)
        hasty = rules.hasty(folder / "rules.yaml")
        with prometheus.serve(folder, {}, hasty, _NOBODY, _FLAGS) as watching:
            until(watching.has_ruled, "all rules were looked at", 60)
            # An alert can be asked for as a series only some looks later.
            until(lambda: watching.value(_FIRING) == len(watching.alerts()), "all are told", 60)
            text = draw(watching, time.time())
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(text)
    print(f"{TARGET}: {TARGET.stat().st_size // 1024} KiB")
    return 0


def _remember(folder: Path) -> None:
    """Fill a Prometheus' folder with a week, and with what the rules would have made of it."""
    with pushgateway.serve(folder) as push:
        history = week.live(folder, push)
    text = folder / "week.txt"
    end = time.time()
    with text.open("w") as file:
        file.writelines(history.openmetrics(end))
    blocks = folder / "tsdb"
    _promtool("tsdb", "create-blocks-from", "openmetrics", text, blocks)
    none = folder / "none.yaml"  # it would write about now, and is to be asked about the past
    none.write_text("groups: []\n")
    with prometheus.serve(folder, {}, none, _NOBODY, _FLAGS) as watching:
        _promtool(
            "tsdb", "create-blocks-from", "rules", f"--start={end - week.HOURS * 3600:.0f}",
            f"--end={end:.0f}", "--eval-interval=15m", f"--output-dir={folder / 'ruled'}",
            f"--url={watching.url}", rules.FILE.resolve(),
        )  # fmt: skip
    for block in (folder / "ruled").iterdir():
        shutil.move(block, blocks)


def _promtool(*words: object) -> None:
    subprocess.run(
        [str(each) for each in (need("promtool"), *words)], check=True, stdout=subprocess.DEVNULL
    )


def draw(watching: Prometheus, now: float) -> str:
    """Return the whole dashboard, as it is now."""
    every = dashboard.load()["panels"]
    height = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in every)
    parts = [_panel(watching, panel, now) for panel in every]
    return svg.page(24 * svg.COLUMN, height * svg.ROW, parts)


def _panel(watching: Prometheus, panel: Json, now: float) -> str:
    match panel["type"]:
        case "row":
            return svg.heading(panel)
        case "stat":
            return drawing.stat(panel, _now(watching, panel))
        case "table":
            return drawing.table(panel, *_rows(watching, panel))
    start = now - week.HOURS * 3600
    found = [
        Series(_name(target, each["metric"]), points)
        for target in panel["targets"]
        for each in watching.range(_filled(target["expr"]), start, now, _STEP)
        if (points := [(t, float(v)) for t, v in each["values"] if math.isfinite(float(v))])
    ]
    return lines.timeseries(panel, found, start, now)


def _now(watching: Prometheus, panel: Json) -> list[Series]:
    return [
        Series(_name(target, each["metric"]), [(0, float(each["value"][1]))])
        for target in panel["targets"]
        for each in watching.query(_filled(target["expr"]))
    ]


def _rows(watching: Prometheus, panel: Json) -> tuple[list[str], list[list[Cell]]]:
    """Merge the queries' samples into rows by workload; name, order and sort as the panel says."""
    (organize,) = [t["options"] for t in panel["transformations"] if t["id"] == "organize"]
    merged: dict[tuple[str, ...], dict[str, float | str]] = {}
    for target in panel["targets"]:
        for each in watching.query(_filled(target["expr"])):
            row = merged.setdefault(tuple(each["metric"].get(label, "") for label in _KEYS), {})
            row |= each["metric"]
            row[f"Value #{target['refId']}"] = float(each["value"][1])
    names = {
        field: organize["renameByName"][field]
        for field in sorted(organize["indexByName"], key=organize["indexByName"].__getitem__)
        if any(field in row for row in merged.values())
    }
    rows = [{names[key]: row[key] for key in names if key in row} for row in merged.values()]
    for order in reversed(panel["options"]["sortBy"]):
        column = order["displayName"]
        rows.sort(key=lambda row: float(row.get(column, -9)), reverse=order["desc"])
    return list(names.values()), [
        [_cell(panel, name, row.get(name, "")) for name in names.values()] for row in rows
    ]


def _cell(panel: Json, column: str, value: float | str) -> Cell:
    return Cell(value) if isinstance(value, str) else drawing.cell(panel, column, value)


def _filled(text: str) -> str:
    for variable, value in _VARIABLES.items():
        text = text.replace(variable, value)
    return text


def _name(target: Json, labels: Mapping[str, str]) -> str:
    pattern = target.get("legendFormat", "")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), pattern).strip()


if __name__ == "__main__":
    sys.exit(main())
