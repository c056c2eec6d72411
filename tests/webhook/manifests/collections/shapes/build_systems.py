"""Build systems, registries and storage: agents, privileged builders, Windows, meshes.

Shapes: nodes chosen by selector, affinity or the pod's os; injected mesh sidecars; rootless and
privileged builders; AppArmor, seccomp and user namespaces; runtime classes; shared processes.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    WISHES,
    App,
    Json,
    Written,
    claimed,
    container,
    every,
    mount,
    template,
    workload,
)

_APPS = (
    App("jenkins", "example.com/jenkins:2", "/var/jenkins_home", 1000),
    App("registry", "example.com/registry:3", "/var/lib/registry"),
    App("minio", "example.com/minio:1", "/export", 1000, 9000),
)
_NOT_LINUX: Json = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
    "nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/os", "operator": "In", "values": ["windows"]}]}]}}}  # fmt: skip
_ARM: Json = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
    "nodeSelectorTerms": [{"matchExpressions": [
        {"key": "kubernetes.io/arch", "operator": "In", "values": ["arm64"]}]}]}}}  # fmt: skip
_PLACES: dict[str, Json] = {
    "anywhere": {},
    "linux": {"nodeSelector": {"kubernetes.io/os": "linux"}},
    "windows by selector": {"nodeSelector": {"kubernetes.io/os": "windows"}},
    "windows by affinity": {"affinity": _NOT_LINUX},
    "windows by os": {"os": {"name": "windows"}},
    "arm": {"affinity": _ARM},
    "sandboxed": {"runtimeClassName": "gvisor"},
    "own users": {"hostUsers": False},
    "shared processes": {"shareProcessNamespace": True},
    "another scheduler": {"schedulerName": "volcano", "priorityClassName": "high"},
}
_CONTEXTS: dict[str, Json | None] = {
    "none": None,
    "local profiles": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "app"},
                       "seccompProfile": {"type": "Localhost", "localhostProfile": "app.json"}},
    "selinux": {"seLinuxOptions": {"level": "s0:c123,c456"}, "fsGroup": 1000},
}  # fmt: skip


def files() -> Iterator[Written]:
    """Yield each app at each place, with each context and way to ask."""
    for app, place, context, wish in every(_APPS, _PLACES, _CONTEXTS, WISHES, take=7):
        main = container(app, mount("data", app.path), livenessProbe={
            "httpGet": {"path": "/healthz", "port": app.port}, "periodSeconds": 10})  # fmt: skip
        if place == "own users":
            main["securityContext"] = {"procMount": "Unmasked"}
        spec: Json = {"containers": [main], "volumes": [claimed("data", app.name)],
                      "securityContext": _CONTEXTS[context], **_PLACES[place]}  # fmt: skip
        pods = template(app, wish, spec, **{"sidecar.istio.io/inject": "true"})
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
        made = workload("Deployment", app, pods, replicas=2, strategy=strategy)
        yield Written(app.name, [made], "commented")
