"""Pods as operators make them: owned by custom resources, with names and labels that change.

Shapes: CNPG's instances, Strimzi's and ECK's nodes, Zalando's and Percona's replicas, MongoDB's
agents; init containers that copy a manager into an emptyDir, restricted contexts, extra volumes.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    EMPTY,
    MEMORY,
    RESTRICTED,
    WISHES,
    App,
    Json,
    Written,
    claimed,
    container,
    every,
    mount,
)

_OWNERS: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("postgresql.cnpg.io/v1", "Cluster", "pg", {"cnpg.io/cluster": "pg", "role": "primary"}),
    ("core.strimzi.io/v1beta2", "StrimziPodSet", "kafka-pool",
     {"strimzi.io/cluster": "kafka", "strimzi.io/pool-name": "pool"}),
    ("apps/v1", "StatefulSet", "es-default",
     {"elasticsearch.k8s.elastic.co/cluster-name": "es"}),
    ("apps/v1", "StatefulSet", "acid-db", {"application": "spilo", "cluster-name": "acid-db"}),
    ("apps/v1", "StatefulSet", "pxc", {"app.kubernetes.io/component": "pxc"}),
    ("apps/v1", "StatefulSet", "mongodb", {"app": "mongodb-svc"}),
    ("apps/v1", "ReplicaSet", "proxy-6d4cf56db6", {"pod-template-hash": "6d4cf56db6"}),
    ("example.com/v1", "Thing", "unknown", {}),
)  # fmt: skip
_SECURITY: tuple[Json | None, ...] = (
    {"fsGroup": 26, "runAsUser": 26, "runAsGroup": 26, "runAsNonRoot": True},
    {"fsGroup": 1000},
    {"runAsNonRoot": True, "supplementalGroups": [7], "fsGroup": 103},
    None,
)


def files() -> Iterator[Written]:
    """Yield a pod of each owner, way to ask and security context, with and without its manager."""
    for owner, wish, security, manager in every(_OWNERS, WISHES, _SECURITY, (False, True), take=5):
        version, kind, name, labels = owner
        app = App("database", "example.com/database:1", "/var/lib/database")
        spec: Json = {
            "hostname": f"{name}-1", "subdomain": name, "terminationGracePeriodSeconds": 1800,
            "containers": [container(app, mount("data", app.path), mount("shm", MEMORY),
                                     securityContext={**RESTRICTED})],
            "volumes": [claimed("data", f"{name}-1"),
                        {"name": "shm", "emptyDir": {"medium": "Memory"}}],
        }  # fmt: skip
        if security:
            spec["securityContext"] = security
        if manager:
            copy = App("bootstrap-controller", "example.com/manager:1")
            mine = mount("bin", "/controller")
            spec["initContainers"] = [container(copy, mine, command=["/manager"], ports=None)]
            spec["volumes"].append({"name": "bin", **EMPTY})
        reference = {"apiVersion": version, "kind": kind, "name": name, "controller": True,
                     "uid": "8f0e2a6c-0000-4000-8000-000000000000"}  # fmt: skip
        meta: Json = {"name": f"{name}-1", "labels": labels, "ownerReferences": [reference]}
        if wish:
            meta["annotations"] = dict(wish)
        yield Written(name, [{"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}],
                      "json")  # fmt: skip
