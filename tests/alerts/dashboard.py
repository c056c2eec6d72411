"""The dashboard that we ship, as tests look at it."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FILE = Path(__file__).parents[2] / "manifests" / "dashboards" / "backup.json"


def load() -> Json:
    """Return all of it."""
    found: Json = json.loads(FILE.read_text())
    return found


def panels() -> dict[str, Json]:
    """Return its panels by title, rows left out."""
    return {each["title"]: each for each in load().get("panels", []) if each["type"] != "row"}


def queries(title: str) -> list[str]:
    """Return the queries of a panel."""
    return [target["expr"] for target in panels()[title]["targets"]]


def override(title: str, column: str) -> Json:
    """Return what a column of a panel has of its own."""
    overrides = panels()[title]["fieldConfig"]["overrides"]
    (found,) = [each for each in overrides if each["matcher"]["options"] == column]
    return {each["id"]: each["value"] for each in found["properties"]}
