"""Whom the sidecar runs as, and that no annotation makes it more than it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.webhook.admitting import Json, answer_to

ROOT = {"user": 0, "group": None, "capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}}


def _plain(user: int, group: int | None = None) -> Json:
    return {"user": user, "group": group, "capabilities": {"drop": ["ALL"]}}


def _seen(asked: Json) -> Json:
    context = answer_to(asked).sidecar()["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["runAsNonRoot"] is (context["runAsUser"] != 0)
    assert "privileged" not in context
    return {
        "user": context["runAsUser"],
        "group": context.get("runAsGroup"),
        "capabilities": context["capabilities"],
    }


@pytest.mark.parametrize(
    ("of_pod", "of_container", "expected"),
    [
        ({}, {}, ROOT),
        ({"runAsUser": 33}, {}, _plain(33)),
        ({}, {"runAsUser": 33}, _plain(33)),
        ({"runAsUser": 33}, {"runAsUser": 44}, _plain(44)),
        ({"runAsUser": 33, "runAsGroup": 34}, {}, _plain(33, 34)),
        ({"runAsUser": 33, "runAsGroup": 34}, {"runAsGroup": 35}, _plain(33, 35)),
        ({"runAsGroup": 34}, {"runAsUser": 33}, _plain(33, 34)),
        ({"runAsUser": 33}, {"runAsUser": 0}, ROOT),
        ({"runAsUser": 0, "runAsGroup": 0}, {}, {**ROOT, "group": 0}),
        ({"runAsUser": 33}, {"runAsGroup": 0}, _plain(33, 0)),
        ({"runAsNonRoot": True}, {}, _plain(65532)),
        ({}, {"runAsNonRoot": True}, _plain(65532)),
        ({"runAsNonRoot": False}, {"runAsNonRoot": True}, _plain(65532)),
        ({"runAsNonRoot": False}, {}, ROOT),
        ({"runAsNonRoot": True, "runAsUser": 33}, {}, _plain(33)),
        ({"fsGroup": 33, "supplementalGroups": [1]}, {}, ROOT),
        (None, None, ROOT),
    ],
)
def test_the_sidecar_runs_as_the_container_that_mounts_the_data(
    asked: Json, pod: Json, of_pod: Json | None, of_container: Json | None, expected: Json
) -> None:
    pod["spec"]["securityContext"] = of_pod
    pod["spec"]["containers"][0]["securityContext"] = of_container

    assert _seen(asked) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("root", ROOT),
        ("0", ROOT),
        ("0:0", {**ROOT, "group": 0}),
        ("1000", _plain(1000)),
        ("1000:100", _plain(1000, 100)),
        ("  1000:0  ", _plain(1000, 0)),
        ("", _plain(33, 34)),
        ("-1", _plain(33, 34)),
        ("Root", _plain(33, 34)),
        ("privileged", _plain(33, 34)),
        ("2147483648", _plain(33, 34)),
        ("1000:100:1", _plain(33, 34)),
    ],
)
def test_run_as_outranks_the_pods_user_where_it_is_valid(
    asked: Json, pod: Json, text: str, expected: Json
) -> None:
    pod["spec"]["securityContext"] = {"runAsUser": 33, "runAsGroup": 34}
    pod["metadata"]["annotations"]["backup.run-as"] = text

    assert _seen(asked) == expected


def test_containers_that_do_not_mount_the_data_do_not_count(asked: Json, pod: Json) -> None:
    proxy = {"name": "proxy", "image": "x", "securityContext": {"runAsUser": 1337}}
    pod["spec"]["containers"].insert(0, proxy)
    pod["spec"]["containers"][1]["securityContext"] = {"runAsUser": 33}

    assert _seen(asked) == _plain(33)
    assert answer_to(asked).warnings == []


def test_different_users_of_the_data_give_a_warning(asked: Json, pod: Json) -> None:
    first = pod["spec"]["containers"][0]
    first["securityContext"] = {"runAsUser": 33}
    second = {**first, "name": "web", "securityContext": {"runAsUser": 101}}
    pod["spec"]["containers"].append(second)

    assert _seen(asked) == _plain(33)
    (warning,) = answer_to(asked).warnings
    assert "(33, 101)" in warning
    assert "backup.run-as" in warning


def test_selinux_options_of_the_container_are_copied(asked: Json, pod: Json) -> None:
    options = {"level": "s0:c123,c456"}
    pod["spec"]["containers"][0]["securityContext"] = {"seLinuxOptions": options}

    assert answer_to(asked).sidecar()["securityContext"]["seLinuxOptions"] == options


def test_selinux_options_of_the_pod_are_not_copied(asked: Json, pod: Json) -> None:
    pod["spec"]["securityContext"] = {"seLinuxOptions": {"level": "s0:c1"}}

    assert "seLinuxOptions" not in answer_to(asked).sidecar()["securityContext"]


# Annotation, value, and where in the sidecar or its volumes that may show.
_VOLUMES = {"env/BACKUP_VOLUMES"}
_SECRET = {"envFrom/0/secretRef/name", "volumes/1/secret/secretName"}
_HOST = {"env/BACKUP_HOST", "env/BACKUP_HOST_GIVEN"}
ATTEMPTS: list[tuple[str, str, set[str]]] = [
    *[
        (f"backup.{key}", value, set())
        for key, value in [
            ("image", "evil/miner"), ("sidecar-image", "evil/miner"), ("pull-policy", "Always"),
            ("command", '["sh"]'), ("args", "-c id"),
            ("env", "LD_PRELOAD=/x"), ("privileged", "true"), ("capabilities", "SYS_ADMIN"),
            ("security-context", '{"privileged":true}'), ("host-path", "/etc"),
            ("hostPath", "/etc"), ("host-network", "true"), ("host-pid", "true"),
            ("namespace", "kube-system"), ("service-account", "cluster-admin"),
            ("mount-path", "/"), ("restart-policy", "Never"), ("status", '{"injected":true}'),
            ("injected", "true"), ("defaults", '{"run-as":"root"}'), ("volumes-dir", "/"),
            ("run-as", "0:0 privileged"), ("run-as", '{"runAsUser":0}'), ("run-as", "$(UID)"),
            ("secret", "kube-system/token"), ("secret", "../token"), ("secret", "a\nb"),
            ("secret", "$(BACKUP_POD)"), ("secret", "Backup"), ("secret", "a" * 254),
            ("secret", "a..b"),
            ("name", "$(RESTIC_PASSWORD)"), ("name", "--password-file=/x"), ("name", "a b"),
            ("name", "a,b"), ("name", "a/../b"), ("name", "x" * 203), ("name", ".hidden"),
            ("memory-limit", "1"), ("memory-limit", "9Qi"), ("memory-limit", '256Mi"}'),
            ("memory-request", "-1"), ("cpu-limit", "1u"), ("cpu-request", "1,5"),
            ("memory-limit", "\u0662\u0665\u0666Mi"), ("cpu-request", "\u0967m"),
            ("schedule", "off"), ("paused", "true"), ("exclude", "*"),
        ]
    ],
    *[
        ("backup.volumes", value, _VOLUMES)
        for value in ("/", "/etc", "..", "../..", "pages:..", "pages:/etc", "pages:a/../../b", ",",
                      "host", "tmp:../x", "token", "pages:", ":", "kube-api-access", "*", "pages:.")
    ],
    *[(f"backup.{key}", value, set()) for key in ("pre", "post")
      for value in ("[", "[]", "[1]", '["a", null]', '["\\u0000"]')],
    ("backup.keep-last", "0", {"env/BACKUP_ADMITTED"}),  # what a later change is compared with
    ("backup.pre", "id", {"env/BACKUP_PRE"}),
    ("backup.post", '["sync", "$(X)"]', {"env/BACKUP_POST"}),
    ("backup.engine", "rclone", {"env/BACKUP_ENGINE"}),
    ("backup.engine", "rclone --dry-run", set()),
    ("backup.secret", "offsite.v2", _SECRET),
    ("backup.name", "archive", _HOST),
    ("backup.cpu-limit", "1", {"resources/limits/cpu"}),
    ("backup.cpu-request", "2m", {"resources/requests/cpu"}),
    ("backup.memory-limit", "1Gi", {"resources/limits/memory"}),
    ("backup.memory-request", "20Mi", {"resources/requests/memory"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "may_differ"), ATTEMPTS, ids=[f"{k}={v[:20]!r}" for k, v, _ in ATTEMPTS]
)
def test_an_annotation_changes_only_the_fields_it_is_for(
    asked: Json, pod: Json, key: str, value: str, may_differ: set[str]
) -> None:
    pod["spec"]["volumes"].append({"name": "host", "hostPath": {"path": "/"}})
    before = dict(_added(asked))
    pod["metadata"]["annotations"][key] = value

    after = dict(_added(asked))

    differs = {path for path in before | after if before.get(path) != after.get(path)}
    assert differs <= may_differ
    assert may_differ in (_VOLUMES, _HOST) or differs == may_differ


def _added(asked: Json) -> Iterator[tuple[str, Any]]:
    answer = answer_to(asked)
    sidecar = answer.sidecar()
    sidecar["env"] = {entry.pop("name"): entry for entry in sidecar["env"]}
    yield from _leaves("", {**sidecar, "volumes": answer.volumes()})


def _leaves(path: str, value: object) -> Iterator[tuple[str, Any]]:
    if path.startswith("env/") and path.count("/") == 1:
        yield path, value
    elif isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in pairs:
            yield from _leaves(f"{path}/{key}" if path else str(key), item)
    else:
        yield path, value


PROFILES: list[tuple[Json | None, Json | None]] = [
    ({"type": "Localhost", "localhostProfile": "nginx-only"}, {"type": "RuntimeDefault"}),
    ({"type": "RuntimeDefault"}, None),
    ({"type": "Unconfined"}, None),
    (None, None),
]


@pytest.mark.parametrize(("pods", "ours"), PROFILES, ids=lambda each: str(each)[:24])
def test_the_apps_apparmor_profile_is_not_copied(
    asked: Json, pod: Json, pods: Json | None, ours: Json | None
) -> None:
    pod["metadata"]["annotations"]["backup.restore"] = "if-empty"
    pod["spec"]["securityContext"] = {"appArmorProfile": pods}

    answer = answer_to(asked)

    assert answer.sidecar()["securityContext"].get("appArmorProfile") == ours
    assert (answer.restorer() or {})["securityContext"].get("appArmorProfile") == ours


def test_the_init_containers_user_is_used_where_the_apps_is_unknown(asked: Json, pod: Json) -> None:
    pod["spec"]["securityContext"] = {"runAsNonRoot": True}
    mounts = [{"name": "pages", "mountPath": "/p"}]
    pod["spec"]["initContainers"] = [
        {"name": "root", "securityContext": {"runAsUser": 0}, "volumeMounts": mounts},
        {"name": "other", "securityContext": {"runAsUser": 7}, "volumeMounts": []},
        {"name": "configure", "securityContext": {"runAsUser": 1000, "runAsGroup": 5},
         "volumeMounts": mounts},
    ]  # fmt: skip

    answer = answer_to(asked)

    context = answer.sidecar()["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (1000, 5)
    assert not any("says its user" in line for line in answer.warnings)


@pytest.mark.parametrize("root", [True, False])
def test_an_unknown_user_gives_a_warning_where_root_is_not_allowed(
    asked: Json, pod: Json, root: bool
) -> None:
    pod["spec"]["securityContext"] = {"runAsNonRoot": not root}

    answer = answer_to(asked)

    said = [line for line in answer.warnings if "says its user" in line]
    assert len(said) == (0 if root else 1)
    assert root or "set backup.run-as" in said[0]
