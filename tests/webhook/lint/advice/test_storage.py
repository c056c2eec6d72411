"""`backup-webhook lint`: volumes that root may not read, and claims for one pod alone."""

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import template_of
from tests.webhook.lint.advice.test_neighbours import item
from tests.webhook.lint.lint_files import Lint

_SHARE = {"nfs": {"server": "nas", "path": "/pool"}}
_CLAIM: Json = {"accessModes": ["ReadWriteMany"]}


def _claim(**spec: object) -> Json:
    return item("PersistentVolumeClaim", {**_CLAIM, **spec}, "wiki-pages")


def _volume(source: Json, **spec: object) -> Json:
    found = item("PersistentVolume", {**source, **spec}, "pv-1")
    del found["metadata"]["namespace"]
    return found


def _anonymous(wiki: Json) -> Json:
    """Let no container say its user."""
    spec: Json = template_of(wiki)["spec"]
    spec.pop("securityContext", None)
    for each in spec["containers"]:
        each.pop("securityContext", None)
    return spec


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ((_claim(), _volume(_SHARE, claimRef={"name": "wiki-pages"})), True),
        ((_claim(volumeName="pv-1"), _volume(_SHARE)), True),
        ((_claim(volumeName="pv-2"), _volume(_SHARE)), False),
        ((_claim(volumeName="pv-1"), _volume({"hostPath": {"path": "/x"}})), False),
        ((_claim(), _volume(_SHARE, claimRef={"name": "other"})), False),
        ((_claim(),), False),
        ((_volume(_SHARE),), False),
        ((), False),
    ],
)
def test_a_claim_on_nfs_that_root_would_read_is_a_note(
    lint: Lint, wiki: Json, others: tuple[Json, ...], said: bool
) -> None:
    _anonymous(wiki)

    notes = [each for each in lint(wiki, *others).told("note") if each["rule"] == "BW040"]

    assert len(notes) == said
    assert not said or notes[0]["message"].startswith("volume pages (claim wiki-pages) on NFS")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, True),
        ({"securityContext": {"runAsUser": 1000}}, False),
        ({"securityContext": {"fsGroup": 1000}}, True),
    ],
)
def test_who_says_a_user_reads_as_that(lint: Lint, wiki: Json, changed: Json, said: bool) -> None:
    spec = _anonymous(wiki)
    spec["volumes"] = [{"name": "pages", **_SHARE} if each["name"] == "pages" else each
                       for each in spec["volumes"]]  # fmt: skip
    template_of(wiki)["metadata"]["annotations"]["backup.volumes"] = "pages"
    spec |= changed

    assert ("BW040" in {each["rule"] for each in lint(wiki).told("note")}) == said
    template_of(wiki)["metadata"]["annotations"]["backup.run-as"] = "1000"
    assert "BW040" not in {each["rule"] for each in lint(wiki).told("note")}


@pytest.mark.parametrize(("replicas", "said"), [(1, False), (2, True)])
def test_a_second_replica_cannot_mount_a_claim_for_one_pod(
    lint: Lint, wiki: Json, replicas: int, said: bool
) -> None:
    wiki["spec"] |= {"replicas": replicas, "strategy": {"type": "Recreate"}}

    told = lint(wiki, _claim(accessModes=["ReadWriteOncePod"])).told("warning")

    assert [each["rule"] for each in told] == ["BW041"] * said
    assert not said or "the others never start" in told[0]["message"]
