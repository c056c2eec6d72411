"""What the API server's audit log says of service accounts, and whether they may do that."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.settings import ROOT

Json = dict[str, Any]

LOG = ROOT / "audit.log"
POLICY = ROOT / "audit-policy.yaml"
# Controllers of the cluster itself are accounts of kube-system, and write all the time.
_POLICY: Json = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}
# What every account may ask: who it is, what it may do, and which API there is.
_ASKED_BY_ALL = ("authorization.k8s.io", "authentication.k8s.io")


def flags() -> list[str]:
    """Write the policy; return the API server's flags for it."""
    POLICY.write_text(json.dumps(_POLICY))
    return [f"--audit-policy-file={POLICY}", f"--audit-log-path={LOG}", "--audit-log-maxsize=200"]


def events(account: str, since: str = "") -> list[Json]:
    """Return what an account did, such as ``system:serviceaccount:prod:default``.

    ``since`` is a time in RFC 3339.
    """
    lines = LOG.read_text("utf-8").splitlines()
    found: list[Json] = []
    for line in lines:
        if f'"{account}"' not in line or not line.endswith("}"):
            continue  # the last line may not be whole yet
        event = json.loads(line)
        if event["user"]["username"] == account and event["requestReceivedTimestamp"] >= since:
            found.append(event)
    return found


def beyond(found: Sequence[Json], namespace: str, lists: Path) -> list[str]:
    """Return each thing that was done, or tried, and is not on the lists of `test_rights`.

    One list is for the release's own ``namespace``, the other for all others.
    """
    rights = {
        name: list(_rights(lists / f"{name}.txt")) for name in ("release-namespace", "elsewhere")
    }
    told = set()
    for event in found:
        what = event.get("objectRef")
        if what is None or what.get("apiGroup") in _ASKED_BY_ALL:
            continue  # /api, /version and the like
        own = what.get("namespace") == namespace
        listed = rights["release-namespace" if own else "elsewhere"]
        if not any(_covers(right, event["verb"], what) for right in listed):
            told.add(" ".join((event["verb"], *map(str, what.values()))))
    return sorted(told)


def _rights(file: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield resource, names and verbs of each line, as `kubectl auth can-i --list` prints it."""
    for line in file.read_text("utf-8").splitlines():
        resource, rest = line.split(" ", 1)
        _, names, verbs = (part.strip("[]").split() for part in rest.split("] ["))
        yield resource, names, verbs


def _covers(right: tuple[str, list[str], list[str]], verb: str, what: Json) -> bool:
    resource, names, verbs = right
    group = f".{what['apiGroup']}" if what.get("apiGroup") else ""
    below = f"/{what['subresource']}" if "subresource" in what else ""
    asked = f"{what['resource']}{group}{below}"
    # The name of what is created is in its text, which the log does not hold.
    named = not names or what.get("name") in names or (verb == "create" and "name" not in what)
    return asked == resource and verb in verbs and named
