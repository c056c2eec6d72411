"""From environment, Secret and annotations to the configuration of a run."""

from collections.abc import Mapping
from dataclasses import asdict, replace

import pytest

from contract.annotations import settings
from contract.secret import variables
from runner.config import build
from runner.config.notifiers import Ntfy
from runner.config.options.restic import Given
from runner.config.timeouts import Timing
from tests.contract.secret.hostile import HOSTILE
from tests.runner.config.workload import ENVIRONMENT, NTFY, SECRET, configured


def problems(*parts: Mapping[str, str] | None) -> list[tuple[str, str, str]]:
    """Return key, value and what is used instead, of each problem."""
    return [(found.key, found.value, found.used) for found in configured(*parts).problems]


def test_a_complete_configuration_has_no_problems() -> None:
    """What the webhook writes and the README's Secret."""
    read = configured()

    assert read.problems == ()
    assert read.missing == ""
    own = read.identity
    assert (own.namespace, own.host) == ("prod", "wiki")
    assert (own.kind, own.workload) == ("Deployment", "wiki")
    assert read.identity.tags == ("ns=prod", "kind=Deployment", "workload=wiki")
    assert read.identity.seed == "prod/Deployment/wiki"
    assert dict(read.repository.environment) == SECRET
    assert (read.paths.sources, read.paths.legacy_sources) == (None, None)
    assert read.maintenance.retention_enabled
    assert read.repository.may_init
    assert not read.commands.debug
    assert (read.receivers.ntfy, read.receivers.pushgateway) == (None, "")
    assert (read.commands.pre, read.commands.post, read.commands.backup) == ((), (), "")
    assert read.repository.options == Given()
    assert read.timing == Timing()


def test_mounted_files_of_the_secret_count_alone() -> None:
    """Key by key nothing is taken from the environment, which is as old as the container."""
    stale = {
        **ENVIRONMENT,
        "RESTIC_PASSWORD": "old",
        "AWS_SESSION_TOKEN": "old",
        "KEEP_DAILY": "99",
        "BACKUP_SCHEDULE": "off",
        "PRE_HOOK": "old",
        "NTFY_ENABLED": "true",
        "RESTIC_SOURCE": "/old",
        "RESTIC_HOSTNAME": "old",
        "BACKUP_INIT": "never",
    }

    read = build.config(stale, SECRET, {})
    assert dict(read.repository.environment) == SECRET
    assert read.settings[settings.KEEP_DAILY] == 7
    assert read.settings[settings.SCHEDULE].text == "H * * * *"
    assert (read.commands.pre, read.paths.legacy_sources, read.identity.host) == ((), None, "wiki")
    assert read.receivers.ntfy is None
    assert read.repository.may_init


def test_without_mounted_files_only_prefixed_variables_count() -> None:
    """Key by key nothing is taken from plain ones, whoever set them."""
    prefixed = {f"BACKUP_SECRET_{key}": text for key, text in SECRET.items()}
    plain = {"RESTIC_PASSWORD": "old", "AWS_SESSION_TOKEN": "old", "KEEP_DAILY": "99"}

    given = {**plain, **prefixed, "BACKUP_SECRET_KEEP_LAST": "5"}
    read = build.config({**ENVIRONMENT, **given}, {}, {})

    assert dict(read.repository.environment) == SECRET
    assert read.settings[settings.KEEP_DAILY] == 7
    assert read.settings[settings.KEEP_LAST] == 5
    assert read.problems == ()
    hidden = read.mask("wJalrXUtnFEMI of a Secret")
    assert "wJalr" not in hidden

    files = {"RESTIC_REPOSITORY": "/r", "RESTIC_PASSWORD": "of-a-file"}
    read = build.config({**ENVIRONMENT, **plain, **prefixed}, files, {})
    assert dict(read.repository.environment) == files


def test_the_folder_of_the_secret_is_not_a_key() -> None:
    """Its variable begins like those that envFrom makes; a process by hand may have that alone."""
    by_hand = {**ENVIRONMENT, **SECRET, "BACKUP_SECRET_DIR": "/nowhere"}

    assert dict(build.config(by_hand, {}, {}).repository.environment) == SECRET


@pytest.mark.parametrize("key", HOSTILE)
def test_no_key_of_the_secret_changes_what_the_webhook_set(key: str) -> None:
    """As a file and as a variable: who the workload is, where things lie, what runs."""
    prefixed = {f"BACKUP_SECRET_{name}": text for name, text in SECRET.items()}
    usual = build.config(ENVIRONMENT, SECRET, {})
    # As Kubernetes has it, `env` goes before envFrom: the folder is what the webhook says.
    given = {f"BACKUP_SECRET_{key}": HOSTILE[key], "BACKUP_SECRET_DIR": "/etc/backup/secret"}
    for read in (
        build.config(ENVIRONMENT, {**SECRET, key: HOSTILE[key]}, {}),
        build.config({**ENVIRONMENT, **prefixed, **given}, {}, {}),
    ):
        same = replace(
                read, problems=(), mask=usual.mask, settings=usual.settings,
                maintenance=replace(read.maintenance, admitted=usual.maintenance.admitted),
            )  # fmt: skip
        assert same == replace(usual, problems=())
        assert read.settings.given == usual.settings.given
        named = [problem.key for problem in read.problems]
        assert named in ([], [key])
        assert not any("/evil" in str(problem) for problem in read.problems)


def test_the_original_systems_secret_has_no_problem() -> None:
    """Each variable of the system that this one replaces."""
    seed = {
        **SECRET, "RESTIC_SOURCE": "/backup/config", "RESTIC_HOSTNAME": "emby", "KEEP_HOURLY": "48",
        "KEEP_DAILY": "7", "KEEP_WEEKLY": "4", "KEEP_MONTHLY": "12", "KEEP_YEARLY": "0",
        "KEEP_LAST": "1", "RESTIC_RETENTION_POLICIES_ENABLED": "false", "RESTIC_CACHE_DIR": "/c",
        "RESTIC_BACKUP_COMMAND": "restic backup /x", "RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "-v",
        "PRE_HOOK": "true", "DEBUG": "true", "NTFY_ENABLED": "true",
        "NTFY_TITLE": "$(hostname | cut -d '-' -f1) - Backup failed", "NTFY_CREDS": "-u a:b",
        "NTFY_PRIO": "4", "NTFY_TAG": "bangbang", "NTFY_SERVER": "https://ntfy.example.org",
        "NTFY_TOPIC": "kubernetes-at-home", "PUSHGATEWAY_ENABLED": "true",
        "PUSHGATEWAY_URL": "http://pushgateway:9091",
    }  # fmt: skip

    assert build.config(ENVIRONMENT, seed, {}).problems == ()


def _seconds(timing: Timing) -> list[object]:
    return [*asdict(timing).values(), *asdict(timing.restore).values()]


@pytest.mark.parametrize("key", sorted(each for each in variables.NAMES if "SECONDS" in each))
def test_documented_timeouts_come_from_the_secret_unless_a_manual_process_sets_them(
    key: str,
) -> None:
    usual = build.config(ENVIRONMENT, SECRET, {}).timing
    secret = {**SECRET, key: "7"}

    read = build.config(ENVIRONMENT, secret, {})
    assert 7 in _seconds(read.timing)
    assert read.problems == ()
    by_hand = build.config({**ENVIRONMENT, key: "8"}, secret, {})
    assert 8 in _seconds(by_hand.timing)
    for bad in ("x", "-1", "1e9", "5; rm", "99999999"):
        odd = build.config(ENVIRONMENT, {**SECRET, key: bad}, {})
        assert odd.timing == usual
        assert [str(each).split(":")[0] for each in odd.problems] == [
            f"Secret variable {key} {bad!r}"
        ]


def test_without_files_the_environment_is_the_secret() -> None:
    """As in a container that was injected before its Secret existed, or outside a pod."""
    read = build.config({**ENVIRONMENT, **SECRET, "KEEP_DAILY": "9", "PRE_HOOK": "sync"}, {}, {})

    assert read.repository.environment["RESTIC_PASSWORD"] == SECRET["RESTIC_PASSWORD"]
    assert read.settings[settings.KEEP_DAILY] == 9
    assert read.commands.pre == ("sh", "-c", "sync")
    assert read.missing == ""


def test_annotation_outranks_secret_outranks_chart() -> None:
    """The closer to the pod, the stronger."""
    environment = {"BACKUP_DEFAULTS": '{"keep-daily": "1", "keep-weekly": "1", "forget": "off"}'}
    secret = {"KEEP_DAILY": "2", "KEEP_WEEKLY": "2"}

    read = configured(environment, secret, {"backup.keep-daily": "3"}).settings

    assert read[settings.KEEP_DAILY] == 3
    assert read[settings.KEEP_WEEKLY] == 2
    assert read[settings.FORGET].text == "off"
    assert read[settings.KEEP_MONTHLY] == 12


@pytest.mark.parametrize("text", ["", "{}"])
def test_empty_chart_defaults_count_as_unset(text: str) -> None:
    """The built-in ones remain."""
    assert problems({"BACKUP_DEFAULTS": text}) == []


def test_chart_defaults_that_are_no_text_are_read_as_text() -> None:
    """A chart value of 3 is as good as "3"."""
    read = configured({"BACKUP_DEFAULTS": '{"keep-daily": 3, "paused": true}'})

    assert read.settings[settings.KEEP_DAILY] == 3
    assert read.settings[settings.PAUSED] is True
    assert read.problems == ()


@pytest.mark.parametrize("text", ["{broken", "[]", "null", "3"])
def test_chart_defaults_that_cannot_be_read_are_no_error(text: str) -> None:
    """A typo never costs a backup."""
    read = configured({"BACKUP_DEFAULTS": text})

    assert read.settings[settings.KEEP_DAILY] == 7


def test_invalid_values_are_named_and_the_next_layer_is_used() -> None:
    """Annotation and Secret are both wrong."""
    found = problems(None, {"KEEP_DAILY": "many"}, {"backup.keep-daily": "-1"})

    assert found == [("backup.keep-daily", "-1", "7"), ("KEEP_DAILY", "many", "7")]


def test_unknown_annotations_are_named() -> None:
    """With what was meant."""
    read = configured(annotations={"backup.keep-dayly": "3", "backup.velero.io/x": "y"})

    assert [problem.key for problem in read.problems] == ["backup.keep-dayly"]
    assert "backup.keep-daily" in str(read.problems[0])


@pytest.mark.parametrize(
    "key",
    ["RESTIC_RETENTION_POLICIES_ENABLED", "NTFY_ENABLED", "PUSHGATEWAY_ENABLED", "DEBUG"],
)
def test_an_invalid_boolean_is_named(key: str) -> None:
    """And its default is used."""
    used = "true" if key.startswith("RESTIC") else "false"

    assert problems(None, {key: "maybe"}) == [(key, "maybe", used)]


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "yes", "on", "true\n", " true "])
def test_a_flag_is_true_in_every_usual_spelling(text: str) -> None:
    """Also with the newline that `echo | base64` leaves."""
    assert configured(secret={"DEBUG": text}).commands.debug


@pytest.mark.parametrize("text", ["false", "no", "off", "0", "False\n"])
def test_retention_is_disabled_by_every_usual_spelling(text: str) -> None:
    """A central job does it then."""
    read = configured(secret={"RESTIC_RETENTION_POLICIES_ENABLED": text})
    assert not read.maintenance.retention_enabled


@pytest.mark.parametrize(
    ("environment", "sources"),
    [({}, None), ({"BACKUP_VOLUMES": '["pages", "data/sub"]'}, ("pages", "data/sub"))],
)
def test_sources_are_those_that_the_webhook_named(
    environment: dict[str, str], sources: tuple[str, ...] | None
) -> None:
    """Not given is not the same as none."""
    assert configured(environment).paths.sources == sources


def test_restic_source_may_name_several_folders() -> None:
    """Separated by white space, as ever."""
    read = configured(secret={"RESTIC_SOURCE": " /backup/a  /backup/b\n"})

    assert read.paths.legacy_sources == ("/backup/a", "/backup/b")


@pytest.mark.parametrize(
    ("text", "words"),
    [("", ()), ("--a 'b c'\n", ("--a", "b c")), ('-e "x=y z"', ("-e", "x=y z"))],
)
def test_extra_arguments_are_split_like_a_shell_does(text: str, words: tuple[str, ...]) -> None:
    """Without starting one."""
    read = configured(secret={"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": text})

    assert (read.repository.options.backup, read.problems) == (words, ())


def test_extra_arguments_with_an_open_quote_are_left_out() -> None:
    """Named, but their text may hold a secret."""
    secret = {"RESTIC_ADDITIONAL_BACKUP_PARAMETERS": "--exclude 'a"}

    assert configured(secret=secret).repository.options == Given()
    assert problems(None, secret) == [("RESTIC_ADDITIONAL_BACKUP_PARAMETERS", "", "none")]


def test_all_ntfy_settings_are_read() -> None:
    """As the system before knew it."""
    assert configured(secret=NTFY).receivers.ntfy == Ntfy(
        server="https://ntfy.example.net",
        topic="kubernetes",
        title="wiki - Backup failed",
        credentials="-u backup:s3cret-word",
        priority=5,
        tags=("bangbang",),
    )


def test_ntfy_needs_only_server_and_topic() -> None:
    """Server and topic; newlines do no harm."""
    secret = {"NTFY_ENABLED": "true\n", "NTFY_SERVER": "http://ntfy/\n", "NTFY_TOPIC": "x\n"}

    assert configured(secret=secret).receivers.ntfy == Ntfy("http://ntfy", "x", "", "", 4, ())
    assert problems(None, secret) == []


@pytest.mark.parametrize("when", ["pre", "post"])
def test_commands_fixed_at_admission_outrank_the_secret(when: str) -> None:
    environment = {**ENVIRONMENT, f"BACKUP_{when.upper()}": '["sync","-f","/data"]'}

    read = build.config(environment, {**SECRET, f"{when.upper()}_HOOK": "true"}, {})

    assert getattr(read.commands, when) == ("sync", "-f", "/data")
