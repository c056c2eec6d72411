"""Large applications of one vendor each: forges, clouds for files, chat, wikis with a database.

Shapes: projected secrets that an init container writes into memory, root entrypoints that change to
uid 33 or 1000 by themselves, several subPaths of one claim, a database in the same pod, cron
sidecars, lifecycle hooks, pod-level resources.
"""

from collections.abc import Iterator

from tests.webhook.manifests.collections.parts import (
    DUMPS,
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
    App("gitaly", "example.com/gitaly:18", "/home/git/repositories", 1000),
    App("nextcloud", "example.com/nextcloud:32", "/var/www/html"),
    App("mastodon", "example.com/mastodon:4", "/opt/mastodon/public/system", 991),
    App("bookstack", "example.com/bookstack:25", "/config", env={"PUID": 1000, "PGID": 1000}),
)
_FORMS = ("alone", "cron beside", "database beside", "secrets in memory", "budget of the pod")


def files() -> Iterator[Written]:
    """Yield each app in each form, for each way to ask, stateful or not."""
    wishes = (*WISHES, DUMPS["postgres"], DUMPS["mysql"])
    for app, wish, form, stateful in every(_APPS, wishes, _FORMS, (False, True), take=3):
        spec = _FORM[form](app)
        if app.user is not None:
            spec["securityContext"] = {"runAsUser": app.user, "fsGroup": app.user}
        kind = "StatefulSet" if stateful else "Deployment"
        made = workload(kind, app, template(app, wish, spec), replicas=1)
        yield Written(app.name, [claim(app.name), service(app), made], "listed")


def _alone(app: App) -> Json:
    mounts = [
        mount("data", path, subPath=folder)
        for path, folder in ((app.path, "root"), (f"{app.path}/data", "data"), ("/x", "config"))
    ]
    return {
        "containers": [container(app, *mounts, lifecycle={"postStart": {"exec": {
            "command": ["sh", "-c", "until test -e /x/ready; do sleep 1; done"]}}})],
        "volumes": [claimed("data", app.name)],
    }  # fmt: skip


def _cron(app: App) -> Json:
    spec = _alone(app)
    cron = App(f"{app.name}-cron", app.image)
    spec["containers"].append(container(cron, mount("data", app.path), command=["/cron.sh"]))
    return spec


def _database(app: App) -> Json:
    spec = _alone(app)
    database = App("db", "example.com/mariadb:11", "/var/lib/mysql", port=3306)
    spec["containers"].insert(
        0, container(database, mount("data", database.path, subPath="mysql"),
                     securityContext={"runAsUser": 999, "runAsGroup": 999}))  # fmt: skip
    return spec


def _secrets(app: App) -> Json:
    spec = _alone(app)
    spec["initContainers"] = [
        container(App("configure", "example.com/base:1"), mount("init", "/init", readOnly=True),
                  mount("memory", "/secrets"), command=["sh", "/config/configure"], ports=None)
    ]  # fmt: skip
    spec["volumes"] += [
        {"name": "init", "projected": {"defaultMode": 0o400, "sources": [
            {"secret": {"name": "shell", "items": [{"key": "secret", "path": "shell/.secret"}]}}]}},
        {"name": "memory", "emptyDir": {"medium": "Memory"}},
    ]  # fmt: skip
    return spec


def _budget(app: App) -> Json:
    amounts = {"cpu": "2", "memory": "4Gi"}
    return {**_alone(app), "resources": {"limits": amounts, "requests": amounts}}


_FORM = dict(zip(_FORMS, (_alone, _cron, _database, _secrets, _budget), strict=True))
