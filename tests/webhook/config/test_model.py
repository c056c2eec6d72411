"""The webhook's own settings: flags, variables, and one clear line for what cannot be used."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract import VERSION
from contract.annotations.namespace import Policy
from tests.webhook.commands import run
from webhook.admission.model import Options
from webhook.config import model
from webhook.config.client_certificates import Clients
from webhook.config.flags import ConfigError
from webhook.config.model import Server

Output = pytest.CaptureFixture[str]


def _parser(environment: dict[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    model.add_server(parser, environment)
    model.add_options(parser, environment)
    return parser


def _options(*arguments: str, **environment: str) -> Options:
    return model.options(_parser(environment).parse_args(arguments))


def _server(*arguments: str, **environment: str) -> Server:
    return model.server(_parser(environment).parse_args(arguments))


@pytest.fixture
def pem(tmp_path: Path) -> str:
    """A file where a certificate or key could be."""
    file = tmp_path / "some.pem"
    file.write_text("x")
    return str(file)


def test_without_flags_the_defaults_apply() -> None:
    assert _options() == Options(
        image=f"backup-webhook-sidecar:{VERSION}",
        pull_policy="IfNotPresent",
        cluster="",
        defaults={},
        excluded_namespaces=frozenset({"kube-system", "kube-public"}),
        database_image=f"backup-webhook-sidecar-db:{VERSION}",
    )


def test_every_flag_is_read() -> None:
    assert _options(
        "--image=x/y:z", "--pull-policy=Never", "--cluster=berlin",
        '--defaults={"schedule": "@daily", "keep-daily": 3, "paused": true}',
        "--excluded-namespaces=a,b", "--database-image=x/db:z", "--enabled=namespaces",
        "--left-out=Job, Workflow.argoproj.io",
    ) == Options(
        image="x/y:z",
        pull_policy="Never",
        cluster="berlin",
        defaults={"schedule": "@daily", "keep-daily": "3", "paused": "true"},
        excluded_namespaces=frozenset({"a", "b"}),
        database_image="x/db:z",
        enabled=Policy.NAMESPACES,
        left_out=frozenset({"Job", "Workflow.argoproj.io"}),
    )  # fmt: skip


def test_every_flag_has_a_variable() -> None:
    assert _options(
        BACKUP_WEBHOOK_IMAGE="x/y:z", BACKUP_WEBHOOK_PULL_POLICY="Always",
        BACKUP_WEBHOOK_CLUSTER="berlin", BACKUP_WEBHOOK_DEFAULTS='{"exclude": "*.tmp"}',
        BACKUP_WEBHOOK_EXCLUDED_NAMESPACES="a", BACKUP_WEBHOOK_DATABASE_IMAGE="none",
    ) == Options("x/y:z", "Always", "berlin", {"exclude": "*.tmp"}, frozenset({"a"}))  # fmt: skip


def test_a_flag_outranks_its_variable() -> None:
    assert _options("--cluster=flag", BACKUP_WEBHOOK_CLUSTER="variable").cluster == "flag"


def test_an_empty_variable_is_not_set() -> None:
    assert _options(BACKUP_WEBHOOK_IMAGE="").image == f"backup-webhook-sidecar:{VERSION}"


@pytest.mark.parametrize("text", ["", ",", "none"])
def test_no_controller_can_be_left_out(text: str) -> None:
    assert _options(f"--left-out={text}").left_out == frozenset()


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(ConfigError, match="--enabled 'every': write one of annotated, namespaces"):
        _options("--enabled=every")


@pytest.mark.parametrize("text", ["", ",", ",,"])
def test_no_namespace_can_be_excluded(text: str) -> None:
    assert _options(f"--excluded-namespaces={text}").excluded_namespaces == frozenset()


def test_spaces_around_a_namespace_do_not_count() -> None:
    """Else a namespace that must never be touched silently is."""
    excluded = _options("--excluded-namespaces= kube-system, kube-public ").excluded_namespaces

    assert excluded == frozenset({"kube-system", "kube-public"})


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--pull-policy=always"], "--pull-policy 'always': write Always, IfNotPresent or Never"),
        (["--pull-policy="], "--pull-policy ''"),
        (["--image="], "--image is empty"),
        (["--image=  "], "--image is empty"),
        (["--defaults={"], "--defaults is not JSON"),
        (["--defaults="], "--defaults is not JSON"),
        (["--defaults=[]"], "--defaults: write a JSON object"),
        (["--defaults=null"], "--defaults: write a JSON object"),
        (['--defaults={"shedule": "@daily"}'], "--defaults 'shedule': no such setting"),
        (['--defaults={"enabled": "true"}'], "--defaults 'enabled': no such setting"),
        (['--defaults={"schedule": "hourly"}'], "--defaults 'schedule' 'hourly': write five cron"),
        (['--defaults={"schedule": 5}'], "--defaults 'schedule' '5'"),
        (['--defaults={"paused": "maybe"}'], "--defaults 'paused' 'maybe': write true or false"),
        (['--defaults={"keep-daily": -1}'], "--defaults 'keep-daily' '-1'"),
        (['--defaults={"keep-daily": 1.5}'], "--defaults 'keep-daily' '1.5'"),
        (['--defaults={"memory-limit": "1Mi"}'], "--defaults 'memory-limit' '1Mi': write at least"),
        (['--defaults={"exclude": null}'], "--defaults 'exclude'"),
        (['--defaults={"exclude": ["*.tmp"]}'], "--defaults 'exclude'"),
        (['--defaults={"run-now": {}}'], "--defaults 'run-now'"),
    ],
)
def test_an_invalid_value_is_named_with_a_remedy(arguments: list[str], named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        _options(*arguments)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [
        ("0.0.0.0:8443", "0.0.0.0", 8443),  # noqa: S104 -- inside its own pod
        ("[::]:8443", "::", 8443),
        ("localhost:0", "localhost", 0),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
    ],
)
def test_the_server_listens_on_the_configured_address(
    pem: str, listen: str, host: str, port: int
) -> None:
    server = _server(f"--listen={listen}", f"--tls-cert={pem}", f"--tls-key={pem}")

    assert (server.host, server.port) == (host, port)
    assert (server.certificates.host, server.certificates.port) == (host, port)
    assert (server.certificates.chain, server.certificates.key) == (Path(pem), Path(pem))


def test_the_server_reads_variables_too(pem: str) -> None:
    server = _server(
        BACKUP_WEBHOOK_LISTEN="127.0.0.1:1",
        BACKUP_WEBHOOK_TLS_CERT=pem,
        BACKUP_WEBHOOK_TLS_KEY=pem,
    )

    assert (server.host, server.port) == ("127.0.0.1", 1)
    assert (server.certificates.chain, server.certificates.key) == (Path(pem), Path(pem))


@pytest.mark.parametrize(
    "listen",
    ["", "x", "8443", ":8443", "x:", "x:y", "x:-1", "x:65536", "x:1.5", "x: 1", "x:\u00b2", "x:+1"],
)
def test_an_invalid_address_is_named(pem: str, listen: str) -> None:
    with pytest.raises(ConfigError, match=r"--listen .*: write HOST:PORT"):
        _server(f"--listen={listen}", f"--tls-cert={pem}", f"--tls-key={pem}")


@pytest.mark.parametrize("listen", ["x", "9464", ":9464", "x:65536"])
def test_an_invalid_metrics_address_is_named(pem: str, listen: str) -> None:
    with pytest.raises(ConfigError, match=r"--metrics-listen .*: write HOST:PORT"):
        _server(f"--metrics-listen={listen}", f"--tls-cert={pem}", f"--tls-key={pem}")


def test_metrics_and_client_certificates_are_optional(pem: str) -> None:
    pair = f"--tls-cert={pem}", f"--tls-key={pem}"
    plain = _server(*pair)
    given = _server(*pair, "--metrics-listen=[::]:9464", f"--client-ca={pem}",
                    BACKUP_WEBHOOK_CLIENT_NAMES="kube-apiserver, other")  # fmt: skip

    assert (plain.metrics, plain.clients) == (None, None)
    assert given.metrics == ("::", 9464)
    assert given.clients == Clients(Path(pem), frozenset({"kube-apiserver", "other"}))


def test_client_names_without_a_ca_and_an_invalid_ca_are_named(pem: str, tmp_path: Path) -> None:
    pair = f"--tls-cert={pem}", f"--tls-key={pem}"
    with pytest.raises(ConfigError, match="--client-names needs --client-ca"):
        _server(*pair, "--client-names=kube-apiserver")
    with pytest.raises(ConfigError, match=r"--client-ca '.*gone': no such file"):
        _server(*pair, f"--client-ca={tmp_path / 'gone'}")
    with pytest.raises(ConfigError, match=r"--client-ca '.*': not a file of PEM certificates"):
        model.check(_server(*pair, f"--client-ca={pem}"))


def test_a_missing_certificate_or_key_is_named(pem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--tls-cert is missing"):
        _server()
    with pytest.raises(ConfigError, match="--tls-key is missing"):
        _server(f"--tls-cert={pem}")
    with pytest.raises(ConfigError, match=r"--tls-key '.*gone': no such file"):
        _server(f"--tls-cert={pem}", f"--tls-key={tmp_path / 'gone'}")
    with pytest.raises(ConfigError, match=r"--tls-cert .*: no such file"):
        _server(f"--tls-cert={tmp_path}", f"--tls-key={pem}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["serve"],
        ["serve", "--listen", "x"],
        ["serve", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"],
        ["inject", "-f", "-", "--pull-policy", "always"],
        ["inject", "-f", "-", "--defaults", "{"],
        ["inject", "-f", "-", "--defaults", '{"schedule": "61 * * * *"}'],
    ],
)
def test_an_invalid_setting_exits_with_2_and_one_line(capsys: Output, arguments: list[str]) -> None:
    ran = run(capsys, *arguments)

    assert (ran.status, ran.out) == (2, "")
    assert re.fullmatch(r"backup-webhook: --[^\n]+\n", ran.err)


def test_an_invalid_variable_exits_with_2_and_one_line(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKUP_WEBHOOK_PULL_POLICY", "sometimes")

    ran = run(capsys, "inject", "-f", "-")

    assert (ran.status, ran.out) == (2, "")
    assert re.fullmatch(r"backup-webhook: --pull-policy 'sometimes': [^\n]+\n", ran.err)


def test_an_invalid_certificate_file_exits_with_2_and_one_line(pem: str) -> None:
    """In a process of its own: `serve` takes over the whole process's log."""
    ended = subprocess.run(
        [sys.executable, "-m", "webhook", "serve", "--listen=127.0.0.1:0",
         f"--tls-cert={pem}", f"--tls-key={pem}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(r"backup-webhook: --tls-[^\n]+\n", ended.stderr)


@pytest.mark.parametrize("arguments", [[], ["sevre"], ["serve", "--no-such-flag"]])
def test_an_invalid_call_shows_the_usage(capsys: Output, arguments: list[str]) -> None:
    ran = run(capsys, *arguments)

    assert (ran.status, ran.out) == (2, "")
    assert ran.err.startswith("usage: backup-webhook")
    assert "error: " in ran.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--version"], VERSION),
        (["--help"], "inject"),
        (["serve", "--help"], "BACKUP_WEBHOOK_TLS_CERT"),
        (["inject", "--help"], "BACKUP_WEBHOOK_DEFAULTS"),
    ],
)
def test_help_and_version_are_printed(capsys: Output, arguments: list[str], shown: str) -> None:
    ran = run(capsys, *arguments)

    assert (ran.status, ran.err) == (0, "")
    assert shown in ran.out
