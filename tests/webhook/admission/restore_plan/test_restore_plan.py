"""The init container that fills empty volumes: what it is, and when a pod gets none."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.webhook.admission.patch.applier import apply
from tests.webhook.admission.sidecar.test_container import SIDECAR, VOLUMES
from tests.webhook.admitting import OPTIONS, STATUS, Answer, Json, answer_to

REFUSAL = "it refuses this pod"
AS_OF, FROM = "backup.restore-as-of", "backup.restore-from"

RESTORER: Json = {
    "name": "backup-restore",
    "command": ["/opt/backup/bin/backup-runner", "populate"],
    **{key: SIDECAR[key] for key in ("image", "imagePullPolicy", "envFrom", "resources")},
    "env": [
        *SIDECAR["env"],
        {"name": "BACKUP_RESTORE", "value": "if-empty"},
        {"name": "BACKUP_RESTORE_COMMANDS", "value": ""},
    ],
    "volumeMounts": [
        {"name": "pages", "mountPath": "/backup/pages"},
        *SIDECAR["volumeMounts"][1:],
    ],
    "securityContext": {
        **SIDECAR["securityContext"],
        "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"]},
    },
    "terminationMessagePolicy": "FallbackToLogsOnError",
}


def asking(pod: Json, mode: str = "if-empty", **annotations: str) -> None:
    """Let the pod ask for a restore, with further annotations (``_`` for ``-``)."""
    given = {f"backup.{key.replace('_', '-')}": text for key, text in annotations.items()}
    pod["metadata"]["annotations"] |= {"backup.restore": mode, **given}


def _environment(answer: Answer) -> dict[str, Any]:
    restorer = answer.restorer()
    assert restorer is not None
    return {each["name"]: each.get("value") for each in restorer["env"]}


def _status(pod: Json, answer: Answer) -> Json:
    status: Json = json.loads(
        apply(pod, answer.operations or [])["metadata"]["annotations"][STATUS]
    )
    return status


def test_an_ordinary_pod_gets_exactly_this_container_in_addition(asked: Json, pod: Json) -> None:
    asking(pod)

    answer = answer_to(asked)

    assert answer.warnings == []
    assert (answer.operations or [])[0] == {
        "op": "add", "path": "/spec/initContainers", "value": [RESTORER, SIDECAR],
    }  # fmt: skip
    assert answer.volumes() == VOLUMES
    assert _status(pod, answer)["restore"] == "if-empty"


@pytest.mark.parametrize("mode", [None, "", "  ", "never", "Never"])
def test_a_pod_that_requests_no_restore_gets_no_container_and_no_warning(
    asked: Json, pod: Json, mode: str | None
) -> None:
    if mode is not None:
        asking(pod, mode)

    answer = answer_to(asked)

    assert answer.restorer() is None
    assert answer.sidecar() == SIDECAR
    assert "restore" not in _status(pod, answer)
    assert "backup-restore" not in answer.raw.decode()


@pytest.mark.parametrize(("mode", "given"), [("required", "required"), (" If-Empty ", "if-empty")])
def test_the_mode_is_passed_on(asked: Json, pod: Json, mode: str, given: str) -> None:
    asking(pod, mode)

    answer = answer_to(asked)

    assert _environment(answer)["BACKUP_RESTORE"] == given
    assert _status(pod, answer)["restore"] == given
    assert AS_OF not in answer.raw.decode()
    assert {"BACKUP_RESTORE_AS_OF", "BACKUP_RESTORE_FROM"}.isdisjoint(_environment(answer))


def test_restore_as_of_and_restore_from_are_passed_on(asked: Json, pod: Json) -> None:
    asking(pod, restore_as_of="2026-11-25T03:00:00+01:00", restore_from="old/wiki")

    environment = _environment(answer_to(asked))

    assert environment["BACKUP_RESTORE_AS_OF"] == "2026-11-25T03:00:00+01:00"
    assert environment["BACKUP_RESTORE_FROM"] == "old/wiki"
    assert {"BACKUP_RESTORE", "BACKUP_RESTORE_AS_OF"}.isdisjoint(
        each["name"] for each in answer_to(asked).sidecar()["env"]
    )


@pytest.mark.parametrize("text", ["if-emtpy", "true", "yes", "always", "if empty", "off"])
def test_an_invalid_mode_restores_and_is_named(asked: Json, pod: Json, text: str) -> None:
    """Never "never": the pod would start on empty volumes because of a typo."""
    asking(pod, text)

    answer = answer_to(asked)

    assert _environment(answer)["BACKUP_RESTORE"] == "if-empty"
    (warning,) = answer.warnings
    assert f"backup.restore '{text}': write never, if-empty or required; using if-empty" in warning
    assert _status(pod, answer)["defaulted"] == ["backup.restore"]


def test_the_chart_value_applies_and_a_typo_does_not_weaken_it(asked: Json, pod: Json) -> None:
    options = replace(OPTIONS, defaults={"restore": "required"})
    assert _environment(answer_to(asked, options))["BACKUP_RESTORE"] == "required"

    asking(pod, "if-emtpy")
    assert _environment(answer_to(asked, options))["BACKUP_RESTORE"] == "required"

    asking(pod, "never")
    assert answer_to(asked, options).restorer() is None


@pytest.mark.parametrize(
    ("key", "text"),
    [(AS_OF, "yesterday"), (AS_OF, "2026-11-25"), (AS_OF, "$(HOME)"), (FROM, "wiki"),
     (FROM, "UPPER/wiki"), (AS_OF, "0" * 65)],
)  # fmt: skip
def test_an_invalid_restore_as_of_or_restore_from_reaches_the_runner(
    asked: Json, pod: Json, key: str, text: str
) -> None:
    """Without it, the latest of this workload would be restored, which nobody asked for."""
    asking(pod)
    pod["metadata"]["annotations"][key] = text

    answer = answer_to(asked)

    variable = {AS_OF: "BACKUP_RESTORE_AS_OF", FROM: "BACKUP_RESTORE_FROM"}[key]
    assert _environment(answer)[variable] == text.replace("$", "$$")
    (warning,) = answer.warnings
    assert key in warning
    assert warning.endswith("; the pod does not start until it is corrected")
    assert _status(pod, answer)["defaulted"] == [key]


def test_volumes_are_mounted_as_in_the_sidecar_but_writable(asked: Json, pod: Json) -> None:
    asking(pod, volumes="pages:notes,tmp")
    pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = "notes"

    restorer = answer_to(asked).restorer()

    assert restorer is not None
    assert restorer["volumeMounts"][:2] == [
        {"name": "pages", "mountPath": "/backup/pages/notes", "subPath": "notes"},
        {"name": "tmp", "mountPath": "/backup/tmp"},
    ]
    assert all(mount["readOnly"] for mount in answer_to(asked).sidecar()["volumeMounts"][:2])


def test_a_read_only_volume_is_left_out_and_named(asked: Json, pod: Json) -> None:
    shared = {"claimName": "shared", "readOnly": True}
    pod["spec"]["volumes"].append({"name": "shared", "persistentVolumeClaim": shared})
    mount = {"name": "shared", "mountPath": "/shared"}
    pod["spec"]["containers"][0]["volumeMounts"].append(mount)
    asking(pod, volumes="pages shared")

    answer = answer_to(asked)

    restorer = answer.restorer()
    assert restorer is not None
    assert "/backup/shared" not in [each["mountPath"] for each in restorer["volumeMounts"]]
    assert "/backup/shared" in [each["mountPath"] for each in answer.sidecar()["volumeMounts"]]
    assert _environment(answer)["BACKUP_VOLUMES"] == '["pages"]'
    assert answer.environment()["BACKUP_VOLUMES"] == '["pages","shared"]'
    (warning,) = answer.warnings
    assert "volume shared is read-only in this pod" in warning


@pytest.mark.parametrize(
    ("source", "read_only", "filled"),
    [
        ({"persistentVolumeClaim": {"claimName": "c", "readOnly": True}}, False, False),
        ({"persistentVolumeClaim": {"claimName": "c"}}, True, True),
        ({"nfs": {"server": "s", "path": "/", "readOnly": True}}, False, False),
        ({"csi": {"driver": "d", "readOnly": True}}, False, False),
        ({"image": {"reference": "x"}}, False, False),
        ({"emptyDir": {}}, True, True),
        ({"hostPath": {"path": "/srv"}}, False, True),
        ({"hostPath": {"path": "/srv"}}, True, False),
    ],
    ids=["claim", "mount", "nfs", "csi", "image", "emptyDir", "host", "host's mount"],
)
def test_a_pod_with_only_read_only_volumes_is_refused(
    asked: Json, pod: Json, source: Json, read_only: bool, filled: bool
) -> None:
    """A folder of the node is written only where the app itself may do that."""
    pod["spec"]["volumes"][0] = {"name": "pages", **source}
    pod["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] = read_only
    asking(pod, volumes="pages")

    answer = answer_to(asked)

    assert answer.reason == "injected"
    assert (answer.restorer() is not None) is filled
    if not filled:
        assert REFUSAL in answer.warnings[-1]
        status = _status(pod, answer)
        assert status["restore"] == "refused"
        assert "read-only" in status["why"]


def test_a_pod_with_a_mirror_is_refused(asked: Json, pod: Json) -> None:
    asking(pod, engine="rclone")

    answer = answer_to(asked)

    assert answer.restorer() is None
    assert answer.sidecar()["name"] == "backup"
    assert ["backup.engine rclone" in answer.warnings[0], REFUSAL in answer.warnings[1]] == [
        True
    ] * 2
    status = _status(pod, answer)
    assert (status["injected"], status["restore"]) == (True, "refused")
    assert "backup.engine rclone" in status["why"]


def test_a_pod_with_dumps_is_restored_by_the_image_with_clients(asked: Json, pod: Json) -> None:
    asking(pod, dump="postgres")

    restorer = answer_to(asked, replace(OPTIONS, database_image="x/db:1")).restorer()

    assert restorer is not None
    assert restorer["image"] == "x/db:1"


@pytest.mark.parametrize(
    ("text", "restorer", "sidecar"),
    [
        (None, "", None),
        ("", "", None),
        ("RESTIC_PASSWORD_COMMAND", "RESTIC_PASSWORD_COMMAND", "RESTIC_PASSWORD_COMMAND"),
        (" RCLONE_CONFIG,\nPRE_HOOK PRE_HOOK", "RCLONE_CONFIG PRE_HOOK", "RCLONE_CONFIG PRE_HOOK"),
        ("true", "", None),
        ("RESTIC_PASSWORD_COMMAND all", "", None),
        ("$(PATH)", "", None),
    ],
)
def test_commands_of_the_secret_are_allow_listed_at_admission(
    asked: Json, pod: Json, text: str | None, restorer: str, sidecar: str | None
) -> None:
    """The init container has the variable in any case: the Secret cannot set it."""
    asking(pod)
    if text is not None:
        pod["metadata"]["annotations"]["backup.restore-commands"] = text

    answer = answer_to(asked)

    assert _environment(answer)["BACKUP_RESTORE_COMMANDS"] == restorer
    given = {each["name"]: each.get("value") for each in answer.sidecar()["env"]}
    assert given.get("BACKUP_RESTORE_COMMANDS") == sidecar
    is_bad = bool(text and not restorer)
    assert bool(answer.warnings) == is_bad
    assert all("is not a variable that runs a command" in each for each in answer.warnings)
