"""Clusters at home: one chart for all apps, media on NFS, PUID and PGID, devices, placeholders.

Shapes: strategy Recreate, hostPath devices, existing claims with subPath, globally set pod options,
addons such as a VPN beside the app, Flux's ${VARIABLES} in texts.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    EMPTY,
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

_MEDIA = {"PUID": 1000, "PGID": 1000, "TZ": "Europe/Berlin"}
_APPS = (
    App("jellyfin", "example.com/jellyfin:10", "/config", 568),
    App("sonarr", "example.com/sonarr:4", "/config", env=_MEDIA),
    App("home-assistant", "example.com/home-assistant:2026.11", "/config", port=8123),
    App("paperless", "example.com/paperless:2", "/usr/src/paperless/data", env={
        "USERMAP_UID": 1000, "PAPERLESS_URL": "https://paperless.${SECRET_DOMAIN}"}),
    App("vaultwarden", "example.com/vaultwarden:1", "/data", 65534),
    App("plex", "example.com/plex:1", "/config", env=_MEDIA, port=32400),
)  # fmt: skip
_EXTRAS = ("nothing", "media", "device", "vpn", "sub-path")
_SECURITY: tuple[Json | None, ...] = (
    None,
    {"runAsUser": 568, "runAsGroup": 568, "fsGroup": 568,
     "fsGroupChangePolicy": "OnRootMismatch", "supplementalGroups": [44, 65537]},
    {"runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000},
)  # fmt: skip


def files() -> Iterator[Written]:
    """Yield a file for each app, way to ask, addon and security context."""
    for app, wish, extra, security in every(_APPS, WISHES, _EXTRAS, _SECURITY, take=7):
        spec: Json = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": security,
            "containers": [container(app, mount("config", app.path), mount("tmp", SCRATCH))],
            "volumes": [claimed("config", f"{app.name}-config"), {"name": "tmp", **EMPTY}],
        }
        _ADD[extra](spec)
        pods = template(app, wish, spec, **{"reloader.stakater.com/auto": "true"})
        made = workload("Deployment", app, pods, replicas=1, strategy={"type": "Recreate"},
                        revisionHistoryLimit=3)  # fmt: skip
        yield Written(app.name, [claim(f"{app.name}-config"), made, service(app)], "commented")


def _media(spec: Json) -> None:
    spec["containers"][0]["volumeMounts"].append(mount("media", "/media"))
    spec["volumes"].append({"name": "media", "nfs": {"server": "nas.local", "path": "/pool/media"}})


def _device(spec: Json) -> None:
    spec["hostNetwork"], spec["dnsPolicy"] = True, "ClusterFirstWithHostNet"
    spec["containers"][0]["volumeMounts"].append(mount("dri", "/dev/dri"))
    spec["containers"][0]["securityContext"] = {"privileged": True}
    spec["containers"][0]["resources"] = {"limits": {"gpu.example.com/i915": 1}}
    spec["volumes"].append(
        {"name": "dri", "hostPath": {"path": "/dev/dri", "type": "DirectoryOrCreate"}}
    )


def _vpn(spec: Json) -> None:
    tunnel = App("gluetun", "example.com/gluetun:3", port=8000)
    capabilities = {"capabilities": {"add": ["NET_ADMIN"]}}
    spec["initContainers"] = [
        container(tunnel, mount("tun", "/dev/net/tun"), restartPolicy="Always",
                  securityContext=capabilities)
    ]  # fmt: skip
    spec["volumes"].append({"name": "tun", "hostPath": {"path": "/dev/net/tun"}})


def _sub_path(spec: Json) -> None:
    app = spec["containers"][0]
    app["volumeMounts"] = [
        mount("config", app["volumeMounts"][0]["mountPath"], subPath="config"),
        mount("config", "/logs", subPath="logs"),
        mount("settings", "/settings.yaml", subPath="settings.yaml", readOnly=True),
    ]
    spec["volumes"].append({"name": "settings", "configMap": {"name": "settings"}})


_ADD = {
    "nothing": lambda _: None, "media": _media, "device": _device, "vpn": _vpn,
    "sub-path": _sub_path,
}  # fmt: skip
