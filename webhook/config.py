"""The webhook's own settings, from flags and environment, read once and checked at once."""

import argparse
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from certs import settings as certs
from certs.rotation import Lifetimes
from contract import VERSION, floors, settings, values
from contract.cover import NEVER_INJECTED
from webhook.inject import Options
from webhook.namespace import LEVELS

_DEFAULT_IMAGE = f"backup-webhook-sidecar:{VERSION}"
_DEFAULT_DATABASE_IMAGE = f"backup-webhook-sidecar-db:{VERSION}"


class ConfigError(ValueError):
    """A flag or variable cannot be used; the message names it, its value and what to write."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where `serve` listens, with which certificate, what it watches and how it ends.

    ``prepull`` is the DaemonSet that keeps the image on the nodes, empty where there is none;
    ``follow``: watch what namespaces allow; ``drain`` the seconds to serve on after SIGTERM;
    ``coverage`` the seconds between two looks for pods without a backup, 0 for none.
    """

    certificates: certs.Settings
    prepull: str = ""
    follow: bool = False
    drain: float = 10.0
    coverage: float = 0.0

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.certificates.host

    @property
    def port(self) -> int:
        """The port to listen on."""
        return self.certificates.port


class _Flags:
    """Adds flags whose defaults may stand in variables of the same name."""

    def __init__(self, parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
        self._parser = parser
        self._environment = environment

    def add(self, name: str, meaning: str, default: str, shape: str = "TEXT") -> None:
        variable = "BACKUP_WEBHOOK_" + name.upper().replace("-", "_")
        self._parser.add_argument(
            f"--{name}",
            default=self._environment.get(variable) or default,
            metavar=shape,
            help=f"{meaning} (or {variable}; default: {default or 'none'})",
        )


def add_options(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the flags that decide what is injected."""
    flag = _Flags(parser, environment).add
    flag("image", "image of the sidecar", _DEFAULT_IMAGE)
    flag(
        "database-image", "image of the sidecar for dumps; none: no dumps", _DEFAULT_DATABASE_IMAGE
    )
    flag("pull-policy", "imagePullPolicy of the sidecar", "IfNotPresent")
    flag("cluster", "name of the cluster, a tag of every snapshot", "")
    flag("defaults", 'defaults of annotations as JSON, such as {"schedule": "@daily"}', "{}")
    flag("excluded-namespaces", "never injected, comma-separated", ",".join(NEVER_INJECTED))
    flag("secrets", "Secrets that annotations may name, comma-separated; none: all", "", "NAMES")
    flag("pod-security", "Pod Security level of namespaces without a label", "privileged", "LEVEL")


def add_server(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the flags of the HTTPS server."""
    flag = _Flags(parser, environment).add
    flag("listen", "where to serve HTTPS", "0.0.0.0:8443", "HOST:PORT")
    flag("drain-seconds", "how long to serve on after SIGTERM", "10", "SECONDS")
    flag("prepull", "DaemonSet that keeps the sidecar's image on the nodes", "", "NAME")
    flag("follow", "watch what namespaces allow; if not, the strictest is assumed", "false", "BOOL")
    flag("coverage-seconds", "look so often for pods without a backup; 0: never", "0", "SECONDS")
    flag("service", "name of the Service that leads here", "backup-webhook", "NAME")
    flag("namespace", "namespace of that Service", "backup-webhook", "NAME")
    flag("cert-mode", "certificates: self, cert-manager or existing", "existing", "MODE")
    flag("tls-cert", "PEM file with the certificate chain; not in mode self", "", "FILE")
    flag("tls-key", "PEM file with its private key; not in mode self", "", "FILE")
    flag("ca-secret", "Secret that holds the CA; mode self", "backup-webhook-ca", "NAME")
    flag(
        "configuration", "MutatingWebhookConfiguration to keep; mode self", "backup-webhook", "NAME"
    )
    flag("ca-days", "life of a CA; mode self", "365", "DAYS")
    flag("leaf-hours", "life of the server's certificate; mode self", "24", "HOURS")
    flag("overlap-hours", "both CAs are trusted so long; mode self", "24", "HOURS")


def options(arguments: argparse.Namespace) -> Options:
    """Return what the flags say about injection; raise ConfigError."""
    if arguments.pull_policy not in {"Always", "IfNotPresent", "Never"}:
        raise ConfigError(
            f"--pull-policy {arguments.pull_policy!r}: write Always, IfNotPresent or Never"
        )
    if not arguments.image.strip():
        raise ConfigError("--image is empty: write the image of the sidecar")
    return Options(
        image=arguments.image,
        pull_policy=arguments.pull_policy,
        cluster=arguments.cluster,
        defaults=_defaults(arguments.defaults),
        excluded_namespaces=_names(arguments.excluded_namespaces),
        secrets=_names(arguments.secrets),
        pod_security=_level(arguments.pod_security),
        database_image=_none(arguments.database_image),
    )


def _none(text: str) -> str:
    """Return the text; ``none`` stands for nothing, as an empty variable means the default."""
    return "" if text.strip() == "none" else text.strip()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


def _level(text: str) -> str:
    if text not in LEVELS:
        raise ConfigError(f"--pod-security {text!r}: write one of {', '.join(LEVELS)}")
    return text


def _defaults(text: str) -> Mapping[str, str]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--defaults is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ConfigError('--defaults: write a JSON object such as {"schedule": "@daily"}')
    known = [*settings.ALL, *floors.ALL]
    by_key = {setting.key: setting for setting in known if setting != settings.ENABLED}
    defaults = {}
    for key, value in given.items():
        if key not in by_key:
            raise ConfigError(f"--defaults {key!r}: no such setting; known: {', '.join(by_key)}")
        if not isinstance(value, (str, int, float)):
            raise ConfigError(f"--defaults {key!r}: write text, a number or true and false")
        word = json.dumps(value) if isinstance(value, bool) else str(value)
        try:
            if word.strip():
                by_key[key].parse(word.strip())
        except ValueError as error:
            raise ConfigError(f"--defaults {key!r} {word!r}: {error}") from error
        defaults[key] = word
    return defaults


def server(arguments: argparse.Namespace) -> Server:
    """Return where and how to serve; raise ConfigError."""
    host, _, port = arguments.listen.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ConfigError(f"--listen {arguments.listen!r}: write HOST:PORT, such as 0.0.0.0:8443")
    return Server(
        _certificates(arguments, host.strip("[]"), int(port)),
        prepull=arguments.prepull,
        follow=_boolean(arguments, "follow"),
        drain=_number(arguments, "drain-seconds"),
        coverage=_number(arguments, "coverage-seconds"),
    )


def _certificates(arguments: argparse.Namespace, host: str, port: int) -> certs.Settings:
    where = {"service": arguments.service, "namespace": arguments.namespace}
    try:
        mode = certs.Mode(arguments.cert_mode)
    except ValueError:
        known = ", ".join(certs.Mode)
        raise ConfigError(f"--cert-mode {arguments.cert_mode!r}: write one of {known}") from None
    if mode is certs.Mode.SELF:
        return certs.Settings(
            mode, **where, host=host, port=port,
            secret=arguments.ca_secret, configuration=arguments.configuration,
            times=_lifetimes(arguments),
        )  # fmt: skip
    chain, key = _file(arguments, "tls-cert"), _file(arguments, "tls-key")
    return certs.Settings(mode, **where, host=host, port=port, chain=chain, key=key)


def _file(arguments: argparse.Namespace, flag: str) -> Path:
    value = _value(arguments, flag)
    if not value:
        raise ConfigError(f"--{flag} is missing: write the path of a PEM file")
    if not Path(value).is_file():
        raise ConfigError(f"--{flag} {value!r}: no such file")
    return Path(value)


def _lifetimes(arguments: argparse.Namespace) -> Lifetimes:
    try:
        return Lifetimes(
            ca=timedelta(days=_number(arguments, "ca-days")),
            leaf=timedelta(hours=_number(arguments, "leaf-hours")),
            overlap=timedelta(hours=_number(arguments, "overlap-hours")),
        )
    except ValueError as error:
        raise ConfigError(f"--ca-days, --leaf-hours and --overlap-hours: {error}") from error


def _number(arguments: argparse.Namespace, flag: str) -> float:
    value = _value(arguments, flag)
    # Not all that float takes: no "nan", "1_0" or Arabic digits.
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", value):
        raise ConfigError(f"--{flag} {value!r}: write a number such as 24 or 0.5")
    return float(value)


def _boolean(arguments: argparse.Namespace, flag: str) -> bool:
    value = _value(arguments, flag)
    try:
        return values.boolean(value)
    except ValueError as error:
        raise ConfigError(f"--{flag} {value!r}: {error}") from None


def _value(arguments: argparse.Namespace, flag: str) -> str:
    return str(getattr(arguments, flag.replace("-", "_")))


def check(server: Server) -> None:
    """Raise ConfigError where certificates come from files and those hold none with its key."""
    if server.certificates.mode is certs.Mode.SELF:
        return
    chain, key = server.certificates.chain, server.certificates.key
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain, key, password="")  # an empty one: it would ask the terminal
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"--tls-cert {str(chain)!r} and --tls-key {str(key)!r}: "
            f"no PEM certificate with its key ({error.strerror or error})"
        ) from None
