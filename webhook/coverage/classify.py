"""Classifies pods by whether they have a backup: counts by reason, and findings.

Protected pods are only counted, and claims stored only by name, so ten thousand pods need little
memory.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contract import VERSION, coverage, names
from contract.annotations.namespace import NOTHING, NamespaceDefaults
from contract.coverage import AS_WANTED, Cover
from contract.names import Reason
from webhook.admission import decide, pod_spec
from webhook.admission.model import NamespaceContext, Options, Skip
from webhook.admission.pod_spec import Pod

__all__ = ["AS_WANTED", "Cover", "Finding", "Report", "Survey", "is_same", "judge"]

Json = Mapping[str, Any]


_IMAGE = re.compile(r"(?:.*/)?(?P<name>[^:@]*)(?::(?P<tag>[^@]*))?(?:@(?P<digest>.*))?")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Pods of one workload that have something to say: how many, and one of them by name."""

    namespace: str
    kind: str
    workload: str
    reason: str
    pods: int
    pod: str


@dataclass(frozen=True, slots=True)
class Report:
    """How many pods there are by namespace and reason, what is wrong, and which claims idle."""

    counts: Mapping[tuple[str, str], int]
    findings: tuple[Finding, ...] = ()
    unused: tuple[tuple[str, str], ...] = ()  # namespace and claim

    @property
    def gaps(self) -> int:
        """How many pods have no backup that should have one."""
        return sum(n for (_, reason), n in self.counts.items() if reason not in AS_WANTED)


@dataclass(slots=True)
class Survey:
    """Collects claims, then pods, one at a time.

    ``opted_in`` are the namespaces that have opted in, with what they say about their pods.
    """

    options: Options
    opted_in: Mapping[str, NamespaceDefaults]
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _found: dict[tuple[str, str, str, str], tuple[int, str]] = field(default_factory=dict)
    _idle: dict[str, set[str]] = field(default_factory=dict)

    def claim(self, claim: Json) -> None:
        """Take in a claim's metadata, before all pods: those made since must not seem unused."""
        meta = claim["metadata"]
        namespace = str(meta.get("namespace") or "")
        kinds = {owner.get("kind") for owner in meta.get("ownerReferences") or ()}
        # One that belongs to a pod is deleted with it; a terminating one counts no more.
        looked_at = namespace in self.opted_in and namespace not in self.options.excluded_namespaces
        if looked_at and "Pod" not in kinds and not meta.get("deletionTimestamp"):
            self._idle.setdefault(namespace, set()).add(meta["name"])

    def pod(self, pod: Pod) -> None:
        """Take in a pod."""
        meta = pod_spec.metadata(pod)
        namespace, name = str(meta.get("namespace") or ""), str(meta.get("name") or "")
        try:
            self._idle.get(namespace, set()).difference_update(coverage.claims(pod).values())
            reason = judge(pod, self.options, self.opted_in.get(namespace))
        except Exception:  # noqa: BLE001 -- one pod that is odd must not hide all others
            reason = Reason.INTERNAL_ERROR
        if not reason:
            return
        self._counts[namespace, reason] += 1
        if reason not in {Cover.PROTECTED, Cover.OPTED_OUT, Cover.LEFT_OUT}:
            key = (namespace, *_workload(pod, name), reason)
            number, example = self._found.get(key, (0, name))
            self._found[key] = (number + 1, example)

    def report(self) -> Report:
        """Return what has been seen, in order."""
        findings = (Finding(*key, *value) for key, value in self._found.items())
        unused = ((namespace, name) for namespace, found in self._idle.items() for name in found)
        return Report(dict(sorted(self._counts.items())), tuple(sorted(findings)),
                      tuple(sorted(unused)))  # fmt: skip


def judge(pod: Pod, options: Options, namespace: NamespaceDefaults | None) -> str:
    """Return a word of Cover or Reason; empty if no backup is needed and none requested.

    ``namespace``: what the pod's namespace says, None if it has not opted in.
    """
    around = NamespaceContext(defaults=namespace or NOTHING)
    return coverage.judge(
        pod,
        opted_in=namespace is not None,
        excluded=pod_spec.metadata(pod).get("namespace") in options.excluded_namespaces,
        is_current=lambda: _is_current(pod, options),
        decide=lambda: _now(pod, options, around),
        default=coverage.default(pod, around.defaults, options.enabled, options.left_out),
    )


def _now(pod: Pod, options: Options, around: NamespaceContext) -> str:
    """Return the reason that it would give now: the annotations may be newer than the pod."""
    options = options.within(around.defaults)
    decision = decide.decide(options.asked(pod, around.defaults), options, around)
    return decision.reason if isinstance(decision, Skip) else Cover.MISSED


def _is_current(pod: Pod, options: Options) -> bool:
    there = [
        str(each.get("image") or "")
        for each in pod_spec.spec(pod).get("initContainers") or []
        if each.get("name") == names.CONTAINER
    ]
    wanted = [image for image in (options.image, options.database_image) if image]
    known = any(is_same(image, each) for image in there for each in wanted)
    return known and coverage.status(pod).get("version", VERSION) == VERSION


def is_same(image: str, wanted: str) -> bool:
    """Whether two images are the same as far as their names tell, in any registry.

    Other webhooks put a mirror's name before images, and pin tags by digests.
    """
    there, ours = _parts(image), _parts(wanted)
    if there["digest"] and ours["digest"]:
        return there["digest"] == ours["digest"]
    if there["name"] != ours["name"]:
        return False
    return there["tag"] == ours["tag"] or bool(there["digest"] and not there["tag"])


def _parts(image: str) -> dict[str, str]:
    match = _IMAGE.fullmatch(image)
    return match.groupdict("") if match else {"name": image, "tag": "", "digest": ""}


def _workload(pod: Pod, name: str) -> tuple[str, str]:
    try:
        known = pod_spec.identity(pod, None)
    except Exception:  # noqa: BLE001 -- see above
        return "Pod", name
    return known.kind, known.workload
