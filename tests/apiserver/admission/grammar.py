"""Pods of every shape that we touch or stand beside, most of them valid, from Hypothesis."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Json = dict[str, Any]

_VOLUMES = ("data", "logs", "conf", "scratch", "backup-state")
_CPU = st.sampled_from(["1m", "50m", "0.1", "1", "1000m", "2"])
_MEMORY = st.sampled_from(["16Mi", "64Mi", "128Mi", "256Mi", "0.5Gi", "1Gi", "268435456"])
_SCRATCH = st.sampled_from(["1Gi", "100Mi", "2G"])
_USERS = st.sampled_from([0, 1, 1000, 65534])


def rarely(strategy: SearchStrategy[Any], times: int = 8) -> SearchStrategy[Any]:
    """Nothing, and once in so many times what ``strategy`` gives."""
    return st.integers(1, times).flatmap(lambda n: strategy if n == 1 else st.none())


def _without_none(found: Json) -> Json:
    return {key: value for key, value in found.items() if value is not None}


_ANNOTATIONS = st.fixed_dictionaries(
    {"backup.enabled": st.sampled_from(["true"] * 12 + ["yes", "TRUE", "maybe", "false"])},
    optional={
        "backup.volumes": st.sampled_from(
            ["data", "data,logs", "scratch", "data:a/b", "nothing", "conf", "data:../x", ""]
        ),
        "backup.schedule": st.sampled_from(["@daily", "nonsense", "H 3 * * *"]),
        "backup.run-as": st.sampled_from(["root", "1000", "1000:2000", "me"]),
        "backup.secret": st.sampled_from(["mine", "UPPER", "a.b"]),
        "backup.name": st.sampled_from(["wiki", "$(HOME)", "ü"]),
        "backup.memory-limit": st.sampled_from(["128Mi", "1Gi", "1", "512Mi"]),
        "backup.memory-request": st.sampled_from(["0", "1Gi", "64Mi"]),
        "backup.cpu-limit": st.sampled_from(["1", "10m", "1m"]),
        "backup.restore": st.sampled_from(["if-empty", "required", "if-emtpy", "never"]),
        "backup.restore-as-of": st.sampled_from(["2026-11-25T03:00:00Z", "yesterday", "$(A)"]),
        "backup.engine": st.sampled_from(["restic", "restic", "restic", "rclone"]),
        "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": st.sampled_from(
            ["scratch", "", "a,b"]
        ),
        "kubernetes.io/psp": st.just("x"),
    },
)


def _amounts() -> SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {}, optional={"cpu": _CPU, "memory": _MEMORY, "ephemeral-storage": _SCRATCH}
    )


@st.composite
def _resources(draw: DrawFn) -> Json:
    kind = draw(st.sampled_from(["none", "none", "guaranteed", "limits", "both"]))
    if kind == "none":
        return {}
    if kind == "guaranteed":
        same = {"cpu": draw(_CPU), "memory": draw(_MEMORY)}
        return {"limits": same, "requests": draw(st.sampled_from([same, {}]))}
    limits = draw(_amounts())
    return (
        {"limits": limits} if kind == "limits" else {"limits": limits, "requests": draw(_amounts())}
    )


_SECURITY = st.fixed_dictionaries(
    {},
    optional={
        "runAsUser": _USERS, "runAsGroup": _USERS, "runAsNonRoot": st.booleans(),
        "seLinuxOptions": st.sampled_from([{"level": "s0:c1,c2"}, {"type": "container_t"}]),
        "readOnlyRootFilesystem": st.booleans(),
    },
)  # fmt: skip
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_HOSTNAMES = st.sampled_from([
    [{"name": "HOSTNAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    *[[{"name": "HOSTNAME", "value": it}] for it in ("$(POD)", "web", "a/b", "..", "x:y", "")],
])  # fmt: skip


@st.composite
def _mounts(draw: DrawFn) -> list[Json]:
    chosen = draw(st.lists(st.sampled_from((*_VOLUMES[:4], "data", "logs")), max_size=4))
    mounts = []
    for number, name in enumerate(chosen):
        mount: Json = {"name": name, "mountPath": f"/m{number}"}
        narrowed = draw(st.sampled_from(["", "", "", "subPath", "subPathExpr"]))
        if narrowed:
            mount[narrowed] = draw(st.sampled_from(["a", "a/b", "b/", "x:y", "$(HOSTNAME)/c"]))
        if draw(st.booleans()):
            mount["readOnly"] = True
        mounts.append(mount)
    return mounts


@st.composite
def _container(draw: DrawFn, name: str, *, restricted: bool) -> Json:
    security = _without_none(draw(_SECURITY))
    if restricted:
        security = {**{k: v for k, v in security.items() if k != "runAsUser"}, **_RESTRICTED}
    made: Json = {
        "name": name,
        "image": "registry.example.net/app:1",
        "volumeMounts": draw(_mounts()),
        "resources": draw(_resources()),
        "securityContext": security,
        "env": draw(rarely(_HOSTNAMES, 2)),
        "ports": draw(rarely(st.just([{"containerPort": 8080}]))),
        "volumeDevices": draw(rarely(st.just([{"name": "data", "devicePath": "/dev/x"}]), 25)),
        "future": draw(rarely(st.just({"field": 1}), 30)),
    }
    return _without_none(made)


def _source(name: str) -> SearchStrategy[Json]:
    claim = {"claimName": f"claim-{name}"}
    return st.sampled_from([
        *[{"persistentVolumeClaim": claim}] * 8,
        {"persistentVolumeClaim": {**claim, "readOnly": True}},
        {"emptyDir": {}}, {"emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"secret": {"secretName": "s"}}, {"configMap": {"name": "c"}},
        {"projected": {"sources": [{"configMap": {"name": "c"}}]}},
        {"hostPath": {"path": "/srv"}}, {"nfs": {"server": "a", "path": "/b"}},
        {"ephemeral": {"volumeClaimTemplate": {"spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
        }}}},
    ])  # fmt: skip


@st.composite
def _volumes(draw: DrawFn, mounted: set[str]) -> list[Json]:
    names = sorted(mounted | set(draw(st.lists(st.sampled_from(_VOLUMES[:4]), max_size=2))))
    names += draw(rarely(st.just([_VOLUMES[4]]), 20)) or []
    return [{"name": name, **draw(_source(name))} for name in draw(st.permutations(names))]


@st.composite
def _init(draw: DrawFn, *, restricted: bool) -> list[Json]:
    made = []
    for number in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        name = draw(st.sampled_from([f"init{number}"] * 12 + ["backup"]))
        container = draw(_container(name, restricted=restricted))
        if draw(st.booleans()):
            container["restartPolicy"] = "Always"
        made.append(container)
    return made


_OWNERS = st.sampled_from([
    ("apps/v1", "ReplicaSet", "wiki-6d4cf56db6"), ("apps/v1", "StatefulSet", "db"),
    ("apps/v1", "DaemonSet", "agent"), ("batch/v1", "Job", "dump-29390400"),
    ("postgresql.cnpg.io/v1", "Cluster", "pg"), ("argoproj.io/v1alpha1", "Rollout", "shop"),
])  # fmt: skip


@st.composite
def _metadata(draw: DrawFn) -> Json:
    meta: Json = draw(st.sampled_from([{"name": "pod-0"}, {"generateName": "pod-"}]))
    meta = {**meta, "annotations": draw(_ANNOTATIONS)}
    labels = draw(st.sampled_from([None, {}, {"app": "wiki"}, {"pod-template-hash": "6d4cf56db6"}]))
    if labels is not None:
        meta["labels"] = labels
    if owner := draw(rarely(_OWNERS, 2)):
        version, kind, name = owner
        meta["ownerReferences"] = [
            {"apiVersion": version, "kind": kind, "name": name, "uid": f"uid-{name}",
             "controller": draw(st.sampled_from([True, True, True, False]))}
        ]  # fmt: skip
    return meta


_POD_LEVEL = st.sampled_from([
    {"limits": {"cpu": "1", "memory": "1Gi"}}, {"requests": {"memory": "1Gi"}},
    {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}},
    {"limits": {"memory": "100Mi"}}, {"requests": {}}, {"limits": {"cpu": "1"}},
])  # fmt: skip


@st.composite
def pods(draw: DrawFn) -> Json:
    """A v1 Pod; most are accepted by an API server."""
    restricted = draw(st.booleans())
    containers = [
        draw(_container(f"app{number}", restricted=restricted))
        for number in range(draw(st.integers(1, 2)))
    ]
    init = draw(_init(restricted=restricted))
    used = {
        each["name"]
        for container in (*containers, *init)
        for each in (*container.get("volumeMounts", []), *container.get("volumeDevices", []))
    }
    security = draw(rarely(_SECURITY, 2))
    if security and restricted:
        security.pop("runAsUser", None)
        security.pop("runAsNonRoot", None)
        security.pop("readOnlyRootFilesystem", None)
    elif security:
        security.pop("readOnlyRootFilesystem", None)
    spec: Json = {
        "containers": containers,
        "initContainers": init or draw(st.sampled_from([None, []])),
        "volumes": draw(_volumes(used)) or draw(st.sampled_from([None, []])),
        "securityContext": security,
        "resources": draw(rarely(_POD_LEVEL, 12)),
        "activeDeadlineSeconds": draw(rarely(st.just(60), 6)),
        "restartPolicy": draw(rarely(st.sampled_from(["Never", "OnFailure", "Always"]), 4)),
        "hostNetwork": draw(rarely(st.just(True), 12)),
        "shareProcessNamespace": draw(rarely(st.booleans(), 12)),
        "imagePullSecrets": draw(rarely(st.just([{"name": "pull"}]), 6)),
        "schedulingGates": draw(rarely(st.just([{"name": "example.net/gate"}]), 12)),
        "automountServiceAccountToken": draw(rarely(st.booleans(), 4)),
        "terminationGracePeriodSeconds": draw(rarely(st.sampled_from([0, 5, 600]), 6)),
        "os": draw(rarely(st.sampled_from([{"name": "linux"}, {"name": "windows"}]), 20)),
        "nodeSelector": draw(rarely(st.just({"kubernetes.io/os": "linux"}), 8)),
        "priorityClassName": draw(rarely(st.just("system-node-critical"), 12)),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": draw(_metadata()),
            "spec": _without_none(spec)}  # fmt: skip
