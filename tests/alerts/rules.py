"""The alerts that we ship, as tests look at them."""

from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
FILE = Path(__file__).parents[2] / "manifests" / "alerts" / "backup.yaml"
COVERAGE = "backup_webhook_pods"
"""Pods with volumes, by namespace and reason."""
RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks.md"


def load() -> list[Json]:
    """Return all rules."""
    content = yaml.safe_load(FILE.read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def alerts() -> dict[str, Json]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for rule in load() if "alert" in rule}


def hasty(target: Path) -> Path:
    """Write the same rules without their patience, so that nobody waits for hours."""
    content = yaml.safe_load(FILE.read_text())
    for group in content["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    target.write_text(yaml.safe_dump(content))
    return target
