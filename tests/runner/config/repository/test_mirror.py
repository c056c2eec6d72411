"""What of the Secret a mirror takes, what rclone gets of it, and its own copy of rclone.conf."""

from pathlib import Path

import pytest

from contract import names
from runner.config.model import Config
from runner.mirror import rclone
from runner.process.environment import rclone_conf
from runner.steps.outcome import Failure
from tests.runner.config.workload import PAGES, configured

MIRRORING = {"BACKUP_ENGINE": "rclone"}
CONF = "[there]\ntype = s3\nsecret_access_key = xK9-qqqq-77\n"


def mirrored(**secret: str) -> Config:
    """Return the workload with a mirror, and this in its Secret."""
    return configured(MIRRORING, {"BUP_DST": "there:backups", **secret})


def test_restic_is_the_default_engine() -> None:
    assert configured({}, {"BUP_DST": "there:backups"}).mirror is None
    assert configured({"BACKUP_ENGINE": "restic"}).mirror is None


def test_the_destination_has_our_remote_name_and_is_in_no_argument() -> None:
    config = mirrored(BUP_DST=":s3,secret_access_key=xK9-qqqq-77:bucket ")

    assert config.repository.environment["RCLONE_CONFIG_BACKUPMIRROR_TYPE"] == "alias"
    assert config.repository.environment["RCLONE_CONFIG_BACKUPMIRROR_REMOTE"].endswith("-77:bucket")
    assert config.repository.environment["RCLONE_CONFIG"] == "/var/lib/backup/rclone.conf"
    assert "xK9" not in " ".join(rclone.look(config).argv)


@pytest.mark.parametrize(
    "key",
    [
        "RCLONE_CONFIG", "RCLONE_DRY_RUN", "RCLONE_IGNORE_ERRORS", "RCLONE_DELETE_EXCLUDED",
        "RCLONE_BACKUP_DIR", "RCLONE_SUFFIX", "RCLONE_LOG_FILE", "RCLONE_RC_ADDR", "BUP_DST",
        "RCLONE_CONFIG_BACKUPMIRROR_TYPE", "RESTIC_PASSWORD", "RCLONE_MAX_DELETE",
    ],
)  # fmt: skip
def test_variables_that_would_change_a_mirror_do_not_reach_rclone(key: str) -> None:
    assert mirrored(**{key: "gets-through"}).repository.environment.get(key) != "gets-through"


@pytest.mark.parametrize("key", ["RCLONE_CONFIG_X_PASS", "RCLONE_BWLIMIT", "AWS_ACCESS_KEY_ID"])
def test_variables_of_remotes_and_limits_reach_rclone(key: str) -> None:
    assert mirrored(**{key: "gets-through"}).repository.environment[key] == "gets-through"


@pytest.mark.parametrize("text", ["/data", "there:", "there:a/b", ":s3:bucket"])
def test_a_valid_destination_is_accepted(text: str) -> None:
    mirror = mirrored(BUP_DST=text).mirror

    assert mirror is not None
    assert mirror.usable


def test_a_missing_destination_is_named() -> None:
    assert mirrored(BUP_DST=" ").missing == "BUP_DST"
    assert mirrored().missing == ""


def test_the_secret_may_set_the_source() -> None:
    assert mirrored(BUP_SRC="/backup/pages/").paths.legacy_sources == (PAGES,)
    assert mirrored().paths.legacy_sources is None


def test_sqlite_settings_of_a_mirror_are_named_as_ineffective() -> None:
    (problem,) = mirrored(BACKUP_SQLITE="*.db").problems

    assert "has no effect with backup.engine rclone" in problem.reason


@pytest.mark.parametrize(
    ("source", "name"),
    [(PAGES, "pages"), ("/backup/pages/a/b", "pages/a/b"), ("/data", "data")],
)
def test_a_source_is_mirrored_below_its_name(source: str, name: str) -> None:
    assert rclone.name(mirrored(), source) == name


def test_a_cluster_has_a_folder_of_its_own() -> None:
    config = configured({**MIRRORING, "BACKUP_CLUSTER": "home"}, {"BUP_DST": "there:"})

    assert rclone.base(config) == "backupmirror:home/prod/Deployment/wiki"


def test_secrets_of_rclone_conf_are_masked_and_types_are_not() -> None:
    token = '{"access_token":"ya29-geheim-77"}'
    mask = mirrored(**{"rclone.conf": f"{CONF}token = {token}\n"}).mask

    for each in ("xK9-qqqq-77", "ya29-geheim-77", token):
        assert each not in mask(f"cannot use {each} here")
    assert mask("type = s3") == "type = s3"


def _local(state: Path, conf: str = CONF) -> Config:
    given = {**MIRRORING, names.ENV_STATE_DIR: str(state)}
    return configured(given, {"BUP_DST": "there:backups", "rclone.conf": conf})


def test_rclone_conf_is_copied_privately_and_again_after_a_change(tmp_path: Path) -> None:
    file = tmp_path / "rclone.conf"
    assert rclone_conf.prepare(_local(tmp_path)) is None
    assert file.read_text() == CONF
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("token that rclone refreshed")
    assert rclone_conf.prepare(_local(tmp_path)) is None
    assert file.read_text() == "token that rclone refreshed"

    assert rclone_conf.prepare(_local(tmp_path, "[new]\n")) is None

    assert file.read_text() == "[new]\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rclone.conf", "rclone.conf.of"]


def test_a_state_folder_that_cannot_be_written_is_a_config_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    outcome = rclone_conf.prepare(_local(tmp_path / "file"))

    assert outcome is not None
    assert outcome.failure == Failure.CONFIG
    assert "Not a directory; make that folder writable" in outcome.message


def test_no_rclone_conf_is_written_for_restic(tmp_path: Path) -> None:
    assert rclone_conf.prepare(configured({names.ENV_STATE_DIR: str(tmp_path)})) is None
    assert not list(tmp_path.iterdir())
