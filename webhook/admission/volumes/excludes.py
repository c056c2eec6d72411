"""Finds exclude patterns that match nothing, usually paths as the app sees them. Pure."""

import posixpath
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from contract import names
from contract.annotations import excludes, settings
from contract.annotations.settings import Problem, Settings
from webhook.admission import pod_spec
from webhook.admission.pod_spec import Pod
from webhook.admission.volumes.selection import Mount

_NAMED = 5  # patterns that warnings name: a client shows all of them, one by one


def doubtful(pod: Pod, values: Settings, mounts: Sequence[Mount]) -> tuple[Problem, ...]:
    """Return a problem for each pattern of backup.exclude that is probably a mistake."""
    key = settings.EXCLUDE
    named = str(pod_spec.annotations(pod).get(key.annotation) or "").strip()
    bad = any(problem.key == key.annotation for problem in values.problems)
    if not named or bad or values[settings.ENGINE] != "restic":
        return ()  # it is of the chart's, not of this pod's; and rclone's patterns are others
    return tuple(
        Problem("annotation", key.annotation, pattern, why, "")
        for pattern, why in islice(
            doubts(pod, values.get(key) or tuple[str, ...](), mounts), _NAMED
        )
    )


def doubts(
    pod: Pod, patterns: tuple[str, ...], mounts: Sequence[Mount]
) -> Iterator[tuple[str, str]]:
    """Yield each doubtful pattern, and why; with the intended path if a mount shows it."""
    for pattern, why in excludes.doubts(patterns, names.VOLUMES_DIR):
        meant = _meant(pod, pattern.removeprefix("!"), mounts)
        yield pattern, f"is a path inside the app's container: write {meant}" if meant else why


def _meant(pod: Pod, pattern: str, mounts: Sequence[Mount]) -> str:
    """Return the sidecar's path of a path in the app's container; "" if no container mounts it."""
    if not pattern.startswith("/") or not excludes.outside(pattern, names.VOLUMES_DIR):
        return ""
    backed_up = {mount.volume for mount in mounts}
    found: list[tuple[int, str]] = []
    for mount in _mounts(pod):
        where, volume = str(mount.get("mountPath", "")).rstrip("/"), str(mount.get("name"))
        if volume in backed_up and where and f"{pattern}/".startswith(f"{where}/"):
            inside = pattern.removeprefix(where).lstrip("/")
            path = posixpath.join(names.VOLUMES_DIR, volume, mount.get("subPath") or "", inside)
            found.append((len(where), path.rstrip("/")))
    return max(found, default=(0, ""))[1]


def _mounts(pod: Pod) -> Iterator[dict[str, Any]]:
    for container in pod_spec.containers(pod):
        yield from container.get("volumeMounts") or []
