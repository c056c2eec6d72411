"""Monitoring: agents on every node, stores that shard, dashboards with sidecars.

Shapes: DaemonSets with hostPID and hostPath, StatefulSets of several replicas, retention in args,
restricted users such as 65534 and 472, projected and ConfigMap volumes, autoscalers.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    EMPTY,
    RESTRICTED,
    SCRATCH,
    WISHES,
    App,
    Json,
    Written,
    claim,
    container,
    every,
    mount,
    template,
    workload,
)

_STORES = (
    App("prometheus", "example.com/prometheus:3", "/prometheus", 1000, 9090),
    App("loki", "example.com/loki:3", "/var/loki", 10001, 3100),
    App("mimir-ingester", "example.com/mimir:2", "/data", 10001),
    App("alertmanager", "example.com/alertmanager:0.28", "/alertmanager", 65534, 9093),
)
_AGENTS = (
    App("node-exporter", "example.com/node-exporter:1", "/host/root", 65534, 9100),
    App("promtail", "example.com/promtail:3", "/run/promtail", 0, 3101),
)
_GRAFANA = App("grafana", "example.com/grafana:12", "/var/lib/grafana", 472, 3000)


def files() -> Iterator[Written]:
    """Yield stores, agents and dashboards."""
    for app, wish, replicas, reloads in every(_STORES, WISHES, (1, 3), (False, True)):
        yield Written(app.name, [_store(app, wish, replicas, reloads=reloads)], "helm")
    for app, wish, tolerates in every(_AGENTS, WISHES, (False, True)):
        yield Written(app.name, [_agent(app, wish, tolerates=tolerates)], "helm")
    for wish, sidecars, persistent in every(WISHES, (0, 1, 2), (False, True)):
        yield Written("grafana", _dashboards(wish, sidecars, persistent=persistent), "plain")


def _store(app: App, wish: dict[str, str], replicas: int, *, reloads: bool) -> Json:
    security = {"fsGroup": app.user, "runAsGroup": app.user, "runAsNonRoot": True,
                "runAsUser": app.user, "seccompProfile": {"type": "RuntimeDefault"}}  # fmt: skip
    mine = {**RESTRICTED, "readOnlyRootFilesystem": True}
    containers = [
        container(app, mount("storage", app.path, subPath=f"{app.name}-db"),
                  mount("config", "/etc/config"), securityContext=mine,
                  args=["--storage.retention=10d", "--config=/etc/config/app.yaml"])
    ]  # fmt: skip
    if reloads:
        reloader = App("config-reloader", "example.com/reloader:0.80")
        containers.append(container(reloader, mount("config", "/etc/config", readOnly=True)))
    projected = {"sources": [{"configMap": {"name": app.name}}, {"secret": {"name": app.name}}]}
    spec = {"securityContext": security, "containers": containers,
            "terminationGracePeriodSeconds": 600,
            "volumes": [{"name": "config", "projected": projected}]}  # fmt: skip
    templates = [{"metadata": {"name": "storage"}, "spec": claim("x", "50Gi")["spec"]}]
    return workload(
        "StatefulSet", app, template(app, wish, spec), replicas=replicas,
        podManagementPolicy="Parallel", volumeClaimTemplates=templates,
    )  # fmt: skip


def _agent(app: App, wish: dict[str, str], *, tolerates: bool) -> Json:
    spec: Json = {
        "hostPID": True, "hostNetwork": True,
        "securityContext": {"runAsUser": app.user},
        "containers": [container(app, mount("root", app.path, readOnly=True,
                                            mountPropagation="HostToContainer"))],
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        "tolerations": [{"operator": "Exists"}] if tolerates else None,
        "nodeSelector": {"kubernetes.io/os": "linux"},
    }  # fmt: skip
    return workload("DaemonSet", app, template(app, wish, spec))


def _dashboards(wish: dict[str, str], sidecars: int, *, persistent: bool) -> list[Json]:
    watchers = [
        container(
            App(f"sc-{kind}", "example.com/k8s-sidecar:1"), mount(f"sc-{kind}", f"{SCRATCH}/{kind}")
        )
        for kind in ("dashboards", "datasources")[:sidecars]
    ]
    storage = {"persistentVolumeClaim": {"claimName": "grafana"}} if persistent else EMPTY
    spec = {
        "securityContext": {"fsGroup": 472, "runAsGroup": 472, "runAsNonRoot": True,
                            "runAsUser": 472},
        "initContainers": [container(
            App("init-chown-data", "example.com/busybox:1"), mount("storage", _GRAFANA.path),
            command=["chown", "-R", "472:472", _GRAFANA.path],
            securityContext={"runAsNonRoot": False, "runAsUser": 0,
                             "capabilities": {"add": ["CHOWN"]}})],
        "containers": [*watchers, container(_GRAFANA, mount("storage", _GRAFANA.path))],
        "volumes": [{"name": "storage", **storage},
                    *({"name": each["volumeMounts"][0]["name"], **EMPTY} for each in watchers)],
    }  # fmt: skip
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
              "metadata": {"name": "grafana"},
              "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment",
                                          "name": "grafana"}, "minReplicas": 1, "maxReplicas": 3,
                       "metrics": [{"type": "Resource", "resource": {
                           "name": "memory", "target": {"type": "Utilization",
                                                        "averageUtilization": 60}}}]}}  # fmt: skip
    return [workload("Deployment", _GRAFANA, template(_GRAFANA, wish, spec)), scaler]
