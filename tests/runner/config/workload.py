"""Deployment prod/wiki with two volumes, as its runner finds it; each test varies one field."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from contract import names
from runner.config import build
from runner.config.model import Config
from runner.state.model import Runs, State

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOSTNAME": "wiki-6d4cf56db6-x7k2p",
    names.ENV_NAMESPACE: "prod",
    names.ENV_POD: "wiki-6d4cf56db6-x7k2p",
    names.ENV_NODE: "node-1",
    names.ENV_HOST: "wiki",
    names.ENV_KIND: "Deployment",
    names.ENV_WORKLOAD: "wiki",
    names.ENV_VOLUMES_DIR: "/backup",
    names.ENV_STATE_DIR: "/var/lib/backup",
    names.ENV_DEFAULTS: "{}",
}
SECRET: Mapping[str, str] = {
    "RESTIC_REPOSITORY": "s3:s3.example.net/backups/prod",
    "RESTIC_PASSWORD": "correct-horse",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
}
NTFY: Mapping[str, str] = {
    "NTFY_ENABLED": "true",
    "NTFY_SERVER": "https://ntfy.example.net",
    "NTFY_TOPIC": "kubernetes",
    "NTFY_TITLE": "wiki - Backup failed",
    "NTFY_CREDS": "-u backup:s3cret-word",
    "NTFY_PRIO": "5",
    "NTFY_TAG": "bangbang",
}
NOW = datetime(2026, 11, 23, 12, 34, tzinfo=UTC)
PAGES, UPLOADS = "/backup/pages", "/backup/uploads"


def configured(
    environment: Mapping[str, str] | None = None,
    secret: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Config:
    """Return the workload's configuration with these variables and annotations on top."""
    return build.config(
        {**ENVIRONMENT, **(environment or {})}, {**SECRET, **(secret or {})}, annotations or {}
    )


def remembered(run_now: str = "", **known: Any) -> State:  # noqa: ANN401 -- each its own kind
    """Return a state with these values, each in its group, and else as of a new pod."""
    return changed(State(Runs(run_now)), **known)


def changed(state: State, **known: Any) -> State:  # noqa: ANN401 -- each its own kind
    """Return a state of its own with these values, each in its group."""
    for group in fields(state):
        of_group = getattr(state, group.name)
        own = {each.name: known.pop(each.name) for each in fields(of_group) if each.name in known}
        state = replace(state, **{group.name: replace(of_group, **own)})
    assert not known
    return state
