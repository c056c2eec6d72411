"""`kubectl backup doctor` on a real cluster: what it finds, and its cure."""

import pytest

from tests.cluster.commands.backup_command import backup, rows
from tests.cluster.commands.wiki import FILL, name, wiki
from tests.cluster.conftest import Target
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.programs.release import DEPLOYMENT, Release
from tests.cluster.work import until
from tests.cluster.workloads import apps, sidecar


def problems(kubectl: Kubectl, *arguments: str) -> list[str]:
    """Return the lines of what the doctor calls a problem; it must end in 1."""
    said = backup(kubectl, "doctor", *arguments)
    assert (said.code, said.err) == (1, "")
    return [line for line in said.out.splitlines() if line.startswith("problem")]


def test_the_doctor_finds_nothing_where_all_is_well(protected: Kubectl, cluster: Target) -> None:
    wiki(protected, cluster.app_image)
    assert backup(protected, "now", "wiki", "--wait").code == 0

    said = backup(protected, "doctor", "wiki")

    assert (said.code, "problem " in said.out) == (0, False), said.out
    for link in ("chart", "certificate", "webhook", "namespace", "admission", "Secret",
                 "repository"):  # fmt: skip
        assert f"ok       {link:<12}" in said.out
    assert "outside this cluster" in said.out
    assert "correct horse" not in said.all


@pytest.mark.alone
def test_the_doctor_and_reinject_where_the_webhook_was_away(
    protected: Kubectl, release: Release, cluster: Target
) -> None:
    """The pod that was admitted meanwhile gets its sidecar when it is evicted."""
    release.scale_to_zero()
    try:
        bare = wiki(protected, cluster.app_image)
        first, *_ = problems(protected, "wiki")
        assert "its Deployment is scaled to 0" in first
    finally:
        release.upgrade()
        release.kubectl("scale", DEPLOYMENT, "--replicas=1")
        release.settle()
    (row,) = rows(protected)
    assert (row["status"], "never saw" in row["problems"][0]) == ("not injected", True)

    unasked = backup(protected, "reinject")
    assert (unasked.code, f"{bare} (deploy/wiki)" in unasked.out) == (1, True), unasked.all
    reinjected = backup(protected, "reinject", "--yes")

    assert (reinjected.code, f"{bare}: evicted" in reinjected.out) == (0, True), reinjected.all
    protected.wait(f"pod/{bare}", "delete")
    protected.rollout("deployment/wiki")
    assert sidecar.injected(protected.get("pod", name(protected)))
    assert backup(protected, "reinject").out.startswith("no pod lacks its sidecar")


def test_the_doctor_where_the_namespace_has_no_label(protected: Kubectl, cluster: Target) -> None:
    assert protected.namespace
    protected("label", "namespace", protected.namespace, "backup.enabled-")
    wiki(protected, cluster.app_image)

    first, second = problems(protected, "wiki")

    assert "has no label backup.enabled=true" in first
    assert "the webhook never saw pod" in second
    (row,) = rows(protected)
    assert (row["status"], row["reason"], row["protected"]) == (
        "not injected", "not_opted_in", False
    )  # fmt: skip
    assert f"kubectl label namespace {protected.namespace}" in row["remedy"]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"RESTIC_PASSWORD": "wrong"}, "the password is wrong"),
        ({"BACKUP_SCHEDULE": "off"}, "no run is scheduled"),
    ],
)
def test_the_doctor_reads_what_the_sidecar_sees(
    protected: Kubectl, cluster: Target, change: dict[str, str], cause: str
) -> None:
    annotations = {} if "BACKUP_SCHEDULE" in change else {"backup.schedule": apps.NEVER}
    template = apps.template(
        [apps.container(cluster.app_image, FILL)], [apps.claimed()],
        {**apps.ENABLED, **annotations},
    )  # fmt: skip
    protected.apply(apps.claim(), apps.workload("Deployment", "wiki", template))
    protected.rollout("deployment/wiki")
    assert backup(protected, "now", "wiki", "--wait").code == 0

    protected("patch", "secret", apps.SECRET, "--patch", _string_data(change))

    until(lambda: cause in " ".join(problems_or_none(protected)), cause, 400)


def _string_data(values: dict[str, str]) -> str:
    pairs = ", ".join(f'"{key}": "{value}"' for key, value in values.items())
    return f'{{"stringData": {{{pairs}}}}}'


def problems_or_none(kubectl: Kubectl) -> list[str]:
    """Return what the doctor calls a problem now."""
    said = backup(kubectl, "doctor", "wiki").out
    return [line for line in said.splitlines() if line.startswith("problem")]
