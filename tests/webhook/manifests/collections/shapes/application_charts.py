"""Charts of one vendor for many applications: restricted containers, many folders of one volume.

Shapes: fsGroup 1001, a read-only root with one emptyDir mounted at several paths, an optional
container that changes owners, an exporter, volumeClaimTemplates, disruption budgets.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    DUMPS,
    RESTRICTED,
    SCRATCH,
    WISHES,
    App,
    Json,
    Written,
    claim,
    claimed,
    container,
    every,
    mount,
    service,
    template,
    workload,
)

_APPS = (
    App("postgresql", "example.com/postgresql:17", "/vendor/postgresql", 1001, 5432),
    App("mariadb", "example.com/mariadb:11", "/vendor/mariadb", 1001, 3306),
    App("redis", "example.com/redis:7", "/data", 1001, 6379),
    App("rabbitmq", "example.com/rabbitmq:4", "/vendor/rabbitmq", 1001, 5672),
    App("wordpress", "example.com/wordpress:6", "/vendor/wordpress", 1001),
    App("kafka", "example.com/kafka:4", "/vendor/kafka", 1001, 9092),
)
_WISHES = (*WISHES, *DUMPS.values())
_RESOURCES: tuple[Json | None, ...] = (
    None,
    {"limits": {"cpu": "150m", "memory": "192Mi", "ephemeral-storage": "2Gi"},
     "requests": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "50Mi"}},
)  # fmt: skip


def files() -> Iterator[Written]:
    """Yield a file for each app, way to ask, and way to install it."""
    for app, wish, owners, exporter, resources in every(
        _APPS, _WISHES, (False, True), (False, True), _RESOURCES, take=5
    ):
        spec = _spec(app, owners=owners, exporter=exporter, resources=resources)
        stateful = app.name != "wordpress"
        pods = template(app, wish, spec, **{"checksum/configuration": "4f8a1c2e"})
        if stateful:
            made = workload(
                "StatefulSet", app, pods, replicas=1, podManagementPolicy="OrderedReady",
                volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": claim("x")["spec"]}],
            )  # fmt: skip
            objects = [service(app), made]
        else:
            spec["volumes"].append(claimed("data", app.name))
            objects = [claim(app.name), service(app), workload("Deployment", app, pods)]
        yield Written(app.name, [_budget(app), *objects], "helm")


def _spec(app: App, *, owners: bool, exporter: bool, resources: Json | None) -> Json:
    security = {**RESTRICTED, "readOnlyRootFilesystem": True, "privileged": False,
                "runAsUser": app.user, "runAsGroup": app.user, "seLinuxOptions": {}}  # fmt: skip
    mounts = [
        *(mount("empty-dir", path, subPath=path.strip("/").replace("/", "-") + "-dir")
          for path in (SCRATCH, "/opt/conf", "/opt/tmp")),
        mount("data", app.path),
    ]  # fmt: skip
    spec: Json = {
        "automountServiceAccountToken": False,
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}, "weight": 1}]}},
        "securityContext": {"fsGroup": 1001, "fsGroupChangePolicy": "Always",
                            "supplementalGroups": [], "sysctls": []},
        "containers": [container(app, *mounts, securityContext=security, resources=resources)],
        "volumes": [{"name": "empty-dir", "emptyDir": {}}],
    }  # fmt: skip
    if owners:
        root = {"runAsUser": 0, "seLinuxOptions": {}}
        shell = ["/bin/sh", "-ec", f"chown -R 1001:1001 {app.path}"]
        spec["initContainers"] = [container(
            App("volume-permissions", "example.com/os-shell:12"), mount("data", app.path),
            command=shell, securityContext=root, ports=None)]  # fmt: skip
    if exporter:
        spec["containers"].append(
            container(App("metrics", "example.com/exporter:1", port=9187), securityContext=security)
        )
    return spec


def _budget(app: App) -> Json:
    selector = {"matchLabels": {"app.kubernetes.io/name": app.name}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": app.name},
            "spec": {"maxUnavailable": 1, "selector": selector}}  # fmt: skip
