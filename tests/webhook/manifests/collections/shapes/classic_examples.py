"""Examples of documentation: bare pods, ReplicationControllers, guest books, JSON, flow style.

Shapes: volumes of every kind that Kubernetes has, claims mounted twice or not at all, several
containers that share one, generated names, hostPath databases.
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

_VOLUMES: dict[str, Json] = {
    "claim": claimed("data", "data"),
    "claim to read": claimed("data", "data", readOnly=True),
    "host": {"name": "data", "hostPath": {"path": "/srv/data"}},
    "nfs": {"name": "data", "nfs": {"server": "10.0.0.7", "path": "/export"}},
    "empty": {"name": "data", **EMPTY},
    "ephemeral": {"name": "data", "ephemeral": {"volumeClaimTemplate": {
        "spec": claim("x")["spec"]}}},
    "secret": {"name": "data", "secret": {"secretName": "data", "defaultMode": 0o440}},
    "csi": {"name": "data", "csi": {"driver": "inline.example.com"}},
    "image": {"name": "data", "image": {"reference": "example.com/files:1"}},
}  # fmt: skip
_FORMS = ("once", "twice", "two containers", "read only", "unmounted", "as a device")


def files() -> Iterator[Written]:
    """Yield each kind of volume, form, and way to ask, as a pod or a controller."""
    app = App("mysql", "example.com/mysql:8", "/var/lib/mysql", port=3306)
    kinds = ("Pod", "ReplicationController", "Deployment")
    for volume, form, wish, kind in every(_VOLUMES, _FORMS, WISHES, kinds, take=5):
        spec = _spec(app, form, _VOLUMES[volume])
        pods = template(app, wish, spec)
        if kind == "Pod":
            made: Json = {"apiVersion": "v1", "kind": "Pod",
                          "metadata": {"generateName": "mysql-", **pods["metadata"]},
                          "spec": spec}  # fmt: skip
        elif kind == "ReplicationController":
            made = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "mysql"},
                    "spec": {"replicas": 1, "selector": {"app.kubernetes.io/name": "mysql"},
                             "template": pods}}  # fmt: skip
        else:
            made = workload(kind, app, pods)
        yield Written(f"{kind.lower()}-{volume}", [made], "flowing")


def _spec(app: App, form: str, volume: Json) -> Json:
    first = container(app, mount("data", app.path))
    spec: Json = {"containers": [first], "volumes": [volume]}
    if form == "twice":
        first["volumeMounts"].append(mount("data", "/other", subPath="other"))
    elif form == "two containers":
        spec["containers"].append(container(App("web", "example.com/nginx:1"),
                                            mount("data", "/srv", readOnly=True)))  # fmt: skip
    elif form == "read only":
        first["volumeMounts"][0]["readOnly"] = True
    elif form == "unmounted":
        del first["volumeMounts"]
    elif form == "as a device":
        del first["volumeMounts"]
        first["volumeDevices"] = [{"name": "data", "devicePath": "/dev/xvda"}]
    return spec
