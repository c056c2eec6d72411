"""Workflow and notebook platforms: one image for many roles, logs on shared claims, git-sync.

Shapes: uid 50000 with group 0, init containers that wait for migrations, ReadWriteMany, hooks as
Jobs, per-user notebooks with init containers that change owners, CronJobs that clean up.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    EMPTY,
    WISHES,
    App,
    Json,
    Written,
    claim,
    claimed,
    container,
    every,
    mount,
    template,
    workload,
)

_ROLES = {
    "scheduler": "Deployment", "worker": "StatefulSet", "triggerer": "StatefulSet",
    "migrate": "Job", "cleanup": "CronJob",
}  # fmt: skip
_USERS: tuple[Json | None, ...] = (
    {"runAsUser": 50000, "fsGroup": 0},
    {"runAsUser": 1000, "runAsGroup": 100, "fsGroup": 100},
    None,
)


def files() -> Iterator[Written]:
    """Yield each role, user, way to ask, with and without git-sync."""
    for role, wish, user, sync in every(_ROLES, WISHES, _USERS, (False, True)):
        app = App(role, "example.com/workflows:3", "/opt/workflows/logs", 50000)
        spec = _spec(app, user, sync=sync)
        kind = _ROLES[role]
        more: Json = {}
        if kind == "StatefulSet":
            spec["volumes"] = [each for each in spec["volumes"] if each["name"] != "logs"]
            more = {"replicas": 2, "volumeClaimTemplates": [
                {"metadata": {"name": "logs"}, "spec": claim("x", "100Gi")["spec"]}]}  # fmt: skip
        elif kind in {"Job", "CronJob"}:
            spec["restartPolicy"] = "OnFailure"
        made = workload(kind, app, template(app, wish, spec), **more)
        if kind == "Job":
            made["metadata"]["annotations"] = {"helm.sh/hook": "post-install,post-upgrade"}
        yield Written(role, [claim("logs", "100Gi", "ReadWriteMany"), made], "quoted")


def _spec(app: App, user: Json | None, *, sync: bool) -> Json:
    env = [{"name": "FERNET_KEY", "valueFrom": {"secretKeyRef": {"name": "key", "key": "fernet"}}},
           {"name": "EXECUTOR", "value": "CeleryExecutor"}]  # fmt: skip
    spec: Json = {
        "restartPolicy": "Always",
        "securityContext": user,
        "initContainers": [container(App("wait-for-migrations", app.image), env=env,
                                     args=["db", "check-migrations"], ports=None)],
        "containers": [container(app, mount("logs", app.path), env=env,
                                 envFrom=[{"secretRef": {"name": "connections"}}])],
        "volumes": [claimed("logs", "logs")],
    }  # fmt: skip
    if sync:
        spec["containers"].append(
            container(App("git-sync", "example.com/git-sync:4"), mount("dags", "/git"),
                      securityContext={"runAsUser": 65533})
        )  # fmt: skip
        spec["containers"][0]["volumeMounts"].append(mount("dags", "/opt/dags", readOnly=True))
        spec["volumes"].append({"name": "dags", **EMPTY})
    return spec
