"""Our own names do not get in each other's way, and Kubernetes takes them."""

import re
from pathlib import Path, PurePosixPath

import pytest

from contract import VERSION, names
from contract.annotations import settings
from contract.names import Reason

VARIABLES = {key: getattr(names, key) for key in dir(names) if key.startswith("ENV_")}
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # DNS-1123


@pytest.mark.parametrize("name", [names.CONTAINER, *names.OWN_VOLUMES])
def test_a_name_of_a_container_or_volume_is_a_dns_label(name: str) -> None:
    assert LABEL.fullmatch(name)


def test_names_of_volumes_are_unique() -> None:
    defined = [
        getattr(names, key)
        for key in dir(names)
        if key.endswith("_VOLUME") and not key.startswith("ENV_")
    ]

    assert sorted(defined) == sorted(names.OWN_VOLUMES)
    assert len(set(defined)) == len(defined)


def test_names_of_variables_are_unique_and_ours() -> None:
    assert len(VARIABLES) > 10
    assert len(set(VARIABLES.values())) == len(VARIABLES)
    assert all(re.fullmatch(r"BACKUP_[A-Z]+(_[A-Z]+)*", name) for name in VARIABLES.values())


def test_no_variable_of_ours_is_also_one_of_the_secrets() -> None:
    """The Secret comes in by envFrom: an equal name would hide what it says."""
    of_secret = {setting.variable for setting in settings.ALL if setting.live}

    assert of_secret.isdisjoint(VARIABLES.values())


@pytest.mark.parametrize("key", ["BACKUP_VOLUMES_DIR", "BACKUP_STATE_DIR", "BACKUP_SECRET_DIR",
                                 "BACKUP_ANNOTATIONS_FILE", "BACKUP_NAMESPACE", "BACKUP_HOST",
                                 "BACKUP_DEFAULTS"])  # fmt: skip
def test_variables_that_are_documented_keep_their_names(key: str) -> None:
    assert key in VARIABLES.values()


def test_programs_and_path_are_those_of_the_image() -> None:
    """The webhook names them, and the image has them: neither may move alone."""
    dockerfile = (Path(__file__).parents[2] / "Dockerfile").read_text("utf-8")

    assert f"ENV PATH={names.PATH} " in dockerfile
    assert f'ENTRYPOINT ["{names.COMMAND}"]' in dockerfile
    for program in (names.COMMAND, names.RUNNER, *names.RESTORE_COMMAND[:1]):
        assert str(PurePosixPath(program).parent) == names.PATH.split(":")[0]


def test_mount_paths_are_absolute_and_none_lies_in_another() -> None:
    paths = [
        PurePosixPath(path)
        for path in (
            names.VOLUMES_DIR, names.STATE_DIR, names.SECRET_DIR, names.POD_DIR, names.TOKEN_DIR,
        )
    ]  # fmt: skip

    assert all(path.is_absolute() for path in paths)
    assert not any(path in other.parents or path == other
                   for number, path in enumerate(paths)
                   for other in paths[:number] + paths[number + 1 :])  # fmt: skip
    assert PurePosixPath(names.ANNOTATIONS_FILE).parent == PurePosixPath(names.POD_DIR)


def test_the_volumes_and_the_token_are_where_kubernetes_and_restores_expect_them() -> None:
    assert names.VOLUMES_DIR == "/backup"
    assert names.TOKEN_DIR == "/var/run/secrets/kubernetes.io/serviceaccount"


def test_keys_that_we_write_are_valid_and_not_settings() -> None:
    qualified = re.compile(r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,61}[A-Za-z0-9]")
    written = [names.STATUS_ANNOTATION, names.INJECTED_LABEL, names.SAFE_TO_EVICT_ANNOTATION]

    assert all(qualified.fullmatch(key) for key in written)
    assert {setting.annotation for setting in settings.ALL}.isdisjoint(written)


def test_reason_words_are_stable() -> None:
    """Dashboards, alerts and audit policies of others hold them."""
    assert {reason.value for reason in Reason} >= {
        "injected", "already_injected", "not_enabled", "no_volumes", "invalid_value",
        "name_conflict", "windows", "mirror_pod", "excluded_namespace", "not_a_pod_create",
        "proof_failed", "internal_error",
    }  # fmt: skip
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.value) for reason in Reason)


def test_the_version_is_semantic() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", VERSION)
