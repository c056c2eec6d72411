"""Which keys of the Secret become variables of which program."""

import re

import pytest

from contract import names
from contract.annotations import settings
from contract.secret import allowlist, loaders, variables
from tests.contract.secret.hostile import HOSTILE, NEVER_PASSED

GIVEN = {"RESTIC_REPOSITORY": "/repository", "RESTIC_PASSWORD": "correct-horse"}
FOR_RESTIC = (
    *GIVEN, "RESTIC_PASSWORD_FILE", "RESTIC_PASSWORD_COMMAND", "RESTIC_CACERT", "RESTIC_CACHE_DIR",
    "RESTIC_COMPRESSION", "RESTIC_PACK_SIZE", "RESTIC_KEY_HINT", "RESTIC_READ_CONCURRENCY",
    "RESTIC_TLS_CLIENT_CERT", "RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD", "RESTIC_FEATURES",
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION",
    "AWS_REGION", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN", "AWS_CA_BUNDLE", "MINIO_ACCESS_KEY", "AZURE_ACCOUNT_NAME", "AZURE_ACCOUNT_KEY",
    "AZURE_ACCOUNT_SAS", "AZURE_ENDPOINT_SUFFIX", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE",
    "MSI_ENDPOINT", "IDENTITY_ENDPOINT", "GOOGLE_PROJECT_ID", "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_ACCESS_TOKEN", "GCE_METADATA_HOST", "B2_ACCOUNT_ID", "B2_ACCOUNT_KEY", "OS_AUTH_URL",
    "OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET", "ST_AUTH", "ST_KEY", "OCI_TENANCY",
    "SWIFT_DEFAULT_CONTAINER_POLICY", "RCLONE_CONFIG_X_TYPE", "RCLONE_CONFIG_BACKUP_TYPE",
    "RCLONE_SFTP_KEY_FILE", "RCLONE_TRANSFERS", "SSH_AUTH_SOCK", "HTTPS_PROXY", "http_proxy",
    "ALL_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "GOMAXPROCS", "GOMEMLIMIT", "GOGC",
    "TZ", "LANG", "LC_ALL",
)  # fmt: skip
FOR_DATABASES = (
    "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSERVICE",
    "PGSERVICEFILE", "PGOPTIONS", "PGSSLMODE", "PGSSLROOTCERT", "PGDATABASE", "PGAPPNAME",
    "MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_PWD", "MYSQL_SSL_CA", "MYSQL_TEST_LOGIN_FILE",
    "REDISCLI_AUTH", "REDISCLI_TLS",
)  # fmt: skip


def test_each_program_gets_what_it_knows_and_nothing_else() -> None:
    secret = dict.fromkeys((*FOR_RESTIC, *FOR_DATABASES, "APP_TOKEN"), "x")

    assert tuple(allowlist.restic(secret)) == FOR_RESTIC
    assert tuple(allowlist.databases(secret)) == FOR_DATABASES


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_reaches_no_program(key: str) -> None:
    secret = {**GIVEN, key: HOSTILE[key]}

    assert allowlist.restic(secret) == GIVEN
    assert allowlist.databases(secret) == {}
    assert allowlist.second({f"COPY_{key}": "x"}) == {}


@pytest.mark.parametrize("key", NEVER_PASSED)
@pytest.mark.parametrize("between", [" ", ",", ", ", "\n", "\t"], ids=ascii)
def test_a_variable_that_controls_a_process_is_refused_even_by_name(key: str, between: str) -> None:
    """One line names the key, the reason, and nothing of a value; other names count."""
    secret = {**GIVEN, "APP_TOKEN": "t", "BACKUP_ENV_PASS": between.join(("APP_TOKEN", key))}

    assert allowlist.passed(secret) == {"APP_TOKEN"}
    assert allowlist.restic({**secret, key: "x"}) == {**GIVEN, "APP_TOKEN": "t"}
    (line,) = map(str, allowlist.problems(secret))
    assert re.fullmatch(
        f"Secret variable BACKUP_ENV_PASS: '{key}' is never passed to a program: .+", line
    )


@pytest.mark.parametrize("prefix", ["", "COPY_"])
@pytest.mark.parametrize("key", [key for key in NEVER_PASSED if loaders.reason(key)])
def test_a_loader_variable_in_the_secret_is_named_with_its_reason(key: str, prefix: str) -> None:
    (problem,) = allowlist.problems({**GIVEN, prefix + key: "value-of-it"})

    assert problem.key == prefix + key
    assert "is not passed to any program, and BACKUP_ENV_PASS cannot change that: " in str(problem)
    assert "value-of-it" not in str(problem)


@pytest.mark.parametrize("key", ["APP_TOKEN", "db_password", "KEEP_DALY", "RESTICPASSWORD", "Path"])
def test_an_unknown_key_is_named_once_with_the_way_to_pass_it(key: str) -> None:
    (problem,) = allowlist.problems({**GIVEN, key: "value-of-it"})

    assert str(problem).startswith(f"Secret variable {key}: is not passed to any program: ")
    assert str(problem).endswith("add its name to BACKUP_ENV_PASS")
    assert "value-of-it" not in str(problem)
    passing = {**GIVEN, key: "value-of-it", "BACKUP_ENV_PASS": key}
    assert allowlist.problems(passing) == []
    assert allowlist.restic(passing)[key] == allowlist.databases(passing)[key] == "value-of-it"


def test_a_variable_of_ours_that_no_secret_sets_is_named() -> None:
    for key in ("BACKUP_POLL_SECONDS", "BACKUP_STATE_DIR", "BACKUP_SCHEDUL"):
        (problem,) = allowlist.problems({**GIVEN, key: "x"})
        assert "is not a variable of the Secret" in str(problem), key


@pytest.mark.parametrize(
    "value", ["/etc/backup/secret/repo_pw", "sh /etc/backup/secret/repo_pw --now", "repo_pw"]
)
def test_a_key_that_another_value_refers_to_is_a_file(value: str) -> None:
    secret = {**GIVEN, "PRE_HOOK": value, "repo_pw": "x"}

    assert allowlist.problems(secret) == []
    assert "repo_pw" not in allowlist.restic(secret)


@pytest.mark.parametrize("word", ["A=b", "1A", "a-b", "*", "$(boom)", "A;B"])
def test_an_invalid_variable_name_is_a_problem(word: str) -> None:
    (problem,) = allowlist.problems({**GIVEN, "BACKUP_ENV_PASS": word})
    assert "is not a variable name" in str(problem)


def test_a_name_that_is_not_in_the_secret_is_a_problem() -> None:
    (problem,) = allowlist.problems({**GIVEN, "BACKUP_ENV_PASS": "APP_TOKN"})
    assert str(problem).endswith("'APP_TOKN' is not a key of the Secret")
    assert allowlist.problems({**GIVEN, "BACKUP_ENV_PASS": ""}) == []


def test_many_dropped_keys_are_a_few_lines() -> None:
    found = allowlist.problems({**GIVEN, **{f"APP_{number}": "x" for number in range(5000)}})

    assert len(found) == 21
    last = str(found[-1])
    assert last.startswith("Secret variables: APP_20, APP_21, ")
    assert last.endswith(
        "… (keys in all: 5000): are not passed to any program; see BACKUP_ENV_PASS"
    )
    assert len(last) < 4200


def test_a_few_dozen_dropped_keys_are_each_named() -> None:
    keys = [f"APP_{number}" for number in range(99)]

    said = " ".join(map(str, allowlist.problems({**GIVEN, **dict.fromkeys(keys, "x")})))

    assert [key for key in keys if f"{key}:" not in said and f"{key}," not in said] == []


def test_every_documented_variable_is_known() -> None:
    """A Secret with all of them, in each spelling of the documentation, has no problem."""
    documented = {each for each in variables.NAMES if each != "BACKUP_ENV_PASS"}
    documented |= {each.variable for each in settings.ALL if each.variable}
    documented |= {f"{each}_FILE" for each in variables.IN_FILES}
    documented |= {f"COPY_{each}" for each in FOR_RESTIC}
    documented |= {*FOR_RESTIC, *FOR_DATABASES, "COPY_SFTP_KEY", "RESTIC_HOST"}

    assert allowlist.problems(dict.fromkeys(sorted(documented), "of a test")) == []


def test_the_second_repository_gets_the_variables_that_restic_knows() -> None:
    secret = {f"COPY_{key}": "x" for key in (*FOR_RESTIC, *NEVER_PASSED, *FOR_DATABASES, "OWN")}

    assert tuple(allowlist.second(secret)) == FOR_RESTIC
    assert allowlist.second({**secret, "BACKUP_ENV_PASS": "OWN LD_PRELOAD"}).keys() == {
        *FOR_RESTIC, "OWN",
    }  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
def test_no_program_reads_a_variable_with_the_prefix(key: str) -> None:
    """But one, whose name only looks so: the webhook sets it, and `env` goes before envFrom."""
    name = names.SECRET_PREFIX + key

    assert not loaders.reason(name)
    assert not allowlist.for_restic(name)
    assert not allowlist.for_databases(name)
    ours = {text for each, text in vars(names).items() if each.startswith("ENV_")}
    assert name not in ours or name == names.ENV_SECRET_DIR
