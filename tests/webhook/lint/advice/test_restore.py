"""`backup-webhook lint` on restores: what would be filled, and what a template should not keep."""

import pytest

from tests.webhook.admitting import Json
from tests.webhook.commands import template_of, workload
from tests.webhook.lint.lint_files import Lint, claim, complete, namespace

RESTORE, AS_OF, FROM = "backup.restore", "backup.restore-as-of", "backup.restore-from"


@pytest.fixture
def wiki(pod: Json) -> Json:
    """Deployment wiki in namespace prod, whose pages are restored."""
    manifest = workload("Deployment", pod)
    manifest["metadata"]["namespace"] = "prod"
    template_of(manifest)["metadata"]["annotations"][RESTORE] = "if-empty"
    return manifest


def _annotations(manifest: Json) -> Json:
    annotations: Json = template_of(manifest)["metadata"]["annotations"]
    return annotations


@pytest.mark.parametrize(
    ("mode", "none"), [("if-empty", "it starts empty"), ("required", "the pod waits")]
)
def test_a_note_names_what_would_be_restored(lint: Lint, wiki: Json, mode: str, none: str) -> None:
    _annotations(wiki)[RESTORE] = mode

    linted = lint(wiki, namespace(), complete())

    assert (linted.status, linted.report["restore"]) == (0, mode)
    assert f"  restore  {mode}\n" in linted.text
    assert linted.one("note", RESTORE) == (
        "before the pod starts, each of these volumes that is empty is restored from its backups, "
        f"the latest: pages; if there is no backup yet, {none}"
    )
    assert len(linted.report["findings"]) == 1


def test_without_a_restore_there_is_no_note(lint: Lint, wiki: Json) -> None:
    _annotations(wiki)[RESTORE] = "never"

    linted = lint(wiki, namespace(), complete())

    assert (linted.report["restore"], linted.report["findings"]) == (None, [])
    assert "restore" not in linted.text


@pytest.mark.parametrize(("key", "text"), [(AS_OF, "2026-11-25T03:00:00Z"), (FROM, "old/wiki")])
def test_a_restore_setting_left_in_a_template_is_a_warning(
    lint: Lint, wiki: Json, key: str, text: str
) -> None:
    _annotations(wiki)[key] = text

    linted = lint(wiki, namespace(), complete())

    assert linted.status == 1
    assert linted.one("warning", key).endswith("remove it when this restore is done")
    assert text in linted.one("note", RESTORE)


@pytest.mark.parametrize("source", [{"emptyDir": {}}, {"ephemeral": {"volumeClaimTemplate": {}}}])
def test_a_restore_into_an_ephemeral_volume_is_a_warning(
    lint: Lint, wiki: Json, source: Json
) -> None:
    template_of(wiki)["spec"]["volumes"][1] = {"name": "tmp", **source}
    _annotations(wiki)["backup.volumes"] = "pages tmp"

    message = lint(wiki, namespace(), complete()).one("warning", "backup.volumes")

    assert message.startswith(f"volume tmp ({next(iter(source))}) is new and empty in every pod")


def test_pods_that_share_a_claim_restore_it_once(lint: Lint, wiki: Json) -> None:
    wiki["spec"]["replicas"] = 3

    linted = lint(wiki, namespace(), complete(), claim("wiki-pages", "ReadWriteMany"))

    notes = [found["message"] for found in linted.told("note") if found["key"] == RESTORE]
    assert notes[1] == (
        "replicas 3: the pods share claim wiki-pages; the first to start restores it, once, and "
        "the "
        "others wait"
    )


def test_pods_with_separate_claims_must_not_restore_from_one_host(lint: Lint, wiki: Json) -> None:
    wiki["kind"] = "StatefulSet"
    wiki["spec"] |= {"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "pages"}}]}
    _annotations(wiki)[FROM] = "old/wiki-0"

    linted = lint(wiki, namespace(), complete())

    warnings = [found["message"] for found in linted.told("warning") if found["key"] == FROM]
    assert "every pod would get the files of host old/wiki-0" in warnings[1]


def test_a_restore_without_backups_is_a_warning(lint: Lint, wiki: Json) -> None:
    del _annotations(wiki)["backup.enabled"]

    linted = lint(wiki, namespace(), complete())

    assert linted.report["reason"] == "not_enabled"
    assert linted.one("warning", RESTORE) == (
        "backup.restore 'if-empty': without backup.enabled nothing is backed up and nothing "
        'restored; write backup.enabled: "true"'
    )


@pytest.mark.parametrize("key", [AS_OF, FROM])
def test_restore_as_of_or_restore_from_without_a_restore_is_a_warning(
    lint: Lint, wiki: Json, key: str
) -> None:
    _annotations(wiki).pop(RESTORE)
    _annotations(wiki)[key] = {AS_OF: "2026-11-25T03:00:00Z", FROM: "old/wiki"}[key]

    message = lint(wiki, namespace(), complete()).one("warning", key)

    assert message == f"{key} has no effect without backup.restore: write backup.restore: if-empty"


def test_a_restore_of_a_mirror_is_a_warning(lint: Lint, wiki: Json) -> None:
    _annotations(wiki)["backup.engine"] = "rclone"

    linted = lint(wiki, namespace(), complete())

    assert (linted.status, linted.report["restore"]) == (1, None)
    assert "write restic, or restore manually" in linted.one("warning", "backup.engine")
    assert "refuses this pod" in linted.one("warning", RESTORE)


def test_a_restore_without_a_sidecar_would_be_refused(lint: Lint, wiki: Json) -> None:
    template_of(wiki)["spec"]["volumes"][0] = {"name": "pages", "emptyDir": {}}

    linted = lint(wiki, namespace(), complete())

    assert "refuses this pod" in linted.one("warning", RESTORE)
    assert "no volume to back up" in linted.one("error", "spec.volumes")


@pytest.mark.parametrize(
    ("secret", "allowed", "named"),
    [
        ({"RESTIC_PASSWORD_COMMAND": "cat /x"}, "", ["RESTIC_PASSWORD_COMMAND"]),
        ({"RESTIC_PASSWORD_COMMAND": "cat /x"}, "RESTIC_PASSWORD_COMMAND", []),
        ({"RESTIC_PASSWORD_COMMAND": "cat /x"}, "RCLONE_CONFIG", ["RESTIC_PASSWORD_COMMAND"]),
        ({"RESTIC_PASSWORD": "x", "PRE_HOOK": "sync", "NTFY_TITLE": "$(id)"}, "", []),
        ({"RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": "rclone:nas:r", "my.conf": "[nas]\nssh = x",
          "RCLONE_CONFIG": "/etc/backup/secret/my.conf"}, "", ["RCLONE_CONFIG"]),
    ],
)  # fmt: skip
def test_commands_of_the_secret_that_block_a_restore_are_named(
    lint: Lint, wiki: Json, secret: Json, allowed: str, named: list[str]
) -> None:
    if allowed:
        _annotations(wiki)["backup.restore-commands"] = allowed
    own = complete()
    own.pop("data", None)
    own["stringData"] = {"RESTIC_REPOSITORY": "s3:s3.example.net/b", **secret}

    linted = lint(wiki, namespace(), own)

    found = [each for each in linted.report["findings"] if each["severity"] == "warning"]
    assert [each["key"] for each in found] == named
    assert all("does not run the command" in each["message"] for each in found)
    assert "cat /x" not in linted.text
