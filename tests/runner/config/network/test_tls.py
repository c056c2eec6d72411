"""What is asked of TLS, by the words of the Secret; and who is local."""

import pytest

from runner.config.network import tls
from runner.config.network.tls import Mode
from runner.databases import clients

_PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----"


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("", None), (" ", None), ("DISABLED", Mode.DISABLED), ("off", Mode.DISABLED),
        ("false", Mode.DISABLED), ("Preferred\n", Mode.PREFERRED), ("REQUIRED", Mode.REQUIRED),
        ("true", Mode.REQUIRED), ("require", Mode.REQUIRED), ("VERIFY_CA", Mode.VERIFY),
        ("verify-full", Mode.VERIFY), ("verify_identity", Mode.VERIFY), ("verify", Mode.VERIFY),
    ],
)  # fmt: skip
def test_a_tls_mode_has_several_spellings(text: str, mode: Mode | None) -> None:
    assert tls.mode("X", text) == mode


@pytest.mark.parametrize("text", ["maybe", "2", "verify ca please", "ssl"])
def test_an_unknown_tls_mode_is_an_error_that_names_the_modes(text: str) -> None:
    with pytest.raises(ValueError, match=f"X: {text!r} is not a TLS mode; write disabled, pref"):
        tls.mode("X", text)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("", True), ("127.0.0.1", True), ("127.1.2.3", True), ("localhost", True), ("::1", True),
        ("[::1]", True), ("LOCALHOST", True), ("10.0.0.1", False), ("db", False),
        ("localhost.example.com", False), ("127.0.0.1.example.com", False), ("/run/pg", False),
    ],
)  # fmt: skip
def test_local_addresses_are_recognised(host: str, local: bool) -> None:
    assert tls.is_loopback(host) is local


def _options(**given: str) -> dict[str, str]:
    text = clients.client("mysql", given).options
    pairs = (line.split("=", 1) for line in text.splitlines()[1:])
    options = {key: value.strip('"') for key, value in pairs}
    return {key: value for key, value in options.items() if key.startswith("ssl")}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, {"ssl": "1", "ssl-verify-server-cert": "0"}),
        ({"MYSQL_HOST": "db"}, {}),
        ({"MYSQL_HOST": "db", "MYSQL_SSL_MODE": "preferred"},
         {"ssl": "1", "ssl-verify-server-cert": "0"}),
        ({"MYSQL_HOST": "db", "MYSQL_SSL_MODE": "disabled"},
         {"ssl": "0", "ssl-verify-server-cert": "0"}),
        ({"MYSQL_HOST": "db", "MYSQL_SSL_CA": "/ca"},
         {"ssl": "1", "ssl-verify-server-cert": "1", "ssl-ca": "/ca"}),
        ({"MYSQL_HOST": "db", "MYSQL_SSL_CERT": "/c", "MYSQL_SSL_KEY": "/k"},
         {"ssl": "1", "ssl-cert": "/c", "ssl-key": "/k"}),
        ({"MYSQL_SSL_CA": _PEM},
         {"ssl": "1", "ssl-verify-server-cert": "1", "ssl-ca": "<file of MYSQL_SSL_CA>"}),
    ],
)  # fmt: skip
def test_the_mariadb_client_verifies_on_request_and_by_default_for_remote_hosts(
    given: dict[str, str], options: dict[str, str]
) -> None:
    assert _options(**given) == options


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({}, None), ({"PGSSLROOTCERT": "/ca"}, "verify-ca"), ({"PGSSLROOTCERT": _PEM}, "verify-ca"),
        ({"PGSSLROOTCERT": "system"}, "verify-full"),
        ({"PGSSLROOTCERT": "/ca", "PGHOST": "db"}, "verify-full"),
        ({"PGSSLROOTCERT": "/ca", "PGHOST": "db", "PGSSLMODE": "require"}, "require"),
        ({"PGHOST": "db"}, None),
    ],
)  # fmt: skip
def test_a_ca_for_postgres_implies_verification(given: dict[str, str], mode: str | None) -> None:
    made = clients.client("postgres", given)

    assert made.environment.get("PGSSLMODE") == mode
    assert _PEM not in made.environment.values()


@pytest.mark.parametrize(
    ("given", "words", "other"),
    [
        ({}, False, True),
        ({"REDISCLI_HOST": "db"}, False, False),
        ({"REDISCLI_HOST": "db", "REDISCLI_TLS": "preferred"}, False, True),
        ({"REDISCLI_TLS": "off"}, False, False),
        ({"REDISCLI_TLS": "on"}, True, False),
        ({"REDISCLI_HOST": "db", "REDISCLI_CERT": "/c", "REDISCLI_KEY": "/k"}, True, False),
    ],
)
def test_redis_has_tls_on_or_off(given: dict[str, str], words: bool, other: bool) -> None:
    made = clients.client("redis", given)

    assert ("--tls" in made.dump) is words
    assert (made.otherwise is not None) is other
    if made.otherwise:
        assert "--tls" in made.otherwise.dump


def test_a_remote_redis_is_verified_where_tls_is_on() -> None:
    for given in ({"REDISCLI_TLS": "true"}, {"REDISCLI_CACERT": "/ca"}, {"REDISCLI_CERT": "/c"}):
        assert "--insecure" not in clients.client("redis", {"REDISCLI_HOST": "db", **given}).dump


def test_a_file_is_named_by_the_key_of_the_secret_that_holds_it() -> None:
    secret = {
        "ca.crt": _PEM,
        "PGSSLROOTCERT": "ca.crt",
        "MYSQL_SSL_CA": " ca.crt\n",
        "PGUSER": "ca.crt",
    }

    found = tls.from_keys(secret)

    assert (found["PGSSLROOTCERT"], found["MYSQL_SSL_CA"], found["PGUSER"]) == (
        _PEM,
        _PEM,
        "ca.crt",
    )
