"""The webhook's own settings, from flags and environment, read once and checked immediately."""

import argparse
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from certs import settings as certs
from certs.rotation import Lifetimes
from contract import VERSION
from contract.annotations import floors, settings
from contract.annotations.namespace import Policy
from contract.coverage import NEVER_INJECTED
from contract.workloads.left_out import LEFT_OUT
from webhook.admission.model import Options
from webhook.admission.policies.namespace import LEVELS
from webhook.config import flags
from webhook.config.client_certificates import AuthorityError, Clients
from webhook.config.flags import ConfigError, Flags

_DEFAULT_IMAGE = f"backup-webhook-sidecar:{VERSION}"
_DEFAULT_DATABASE_IMAGE = f"backup-webhook-sidecar-db:{VERSION}"


@dataclass(frozen=True, slots=True)
class Server:
    """Where `serve` listens, with which certificate, what it watches and how it ends.

    ``prepull`` is the DaemonSet that keeps the image on the nodes, empty if there is none;
    ``follow``: watch what namespaces allow; ``drain`` the seconds to serve on after SIGTERM;
    ``coverage`` the seconds between two looks for pods without a backup, 0 for none; ``metrics``
    where to serve metrics and probes without TLS; ``clients`` who may ask, None for everybody.
    """

    certificates: certs.Settings
    prepull: str = ""
    follow: bool = False
    drain: float = 10.0
    coverage: float = 0.0
    metrics: tuple[str, int] | None = None
    clients: Clients | None = None

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.certificates.host

    @property
    def port(self) -> int:
        """The port to listen on."""
        return self.certificates.port

    @property
    def address(self) -> tuple[str, int]:
        """Both."""
        return self.host, self.port


def add_options(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the flags that decide what is injected."""
    flag = Flags(parser, environment).add
    flag("image", "image of the sidecar", _DEFAULT_IMAGE)
    flag(
        "database-image",
        "image of the sidecar for dumps; none: dumps are off",
        _DEFAULT_DATABASE_IMAGE,
    )
    flag("pull-policy", "imagePullPolicy of the sidecar", "IfNotPresent")
    flag("cluster", "name of the cluster, a tag of every snapshot", "")
    flag("defaults", 'defaults of annotations as JSON, such as {"schedule": "@daily"}', "{}")
    flag(
        "excluded-namespaces",
        "namespaces that are never injected, comma-separated",
        ",".join(NEVER_INJECTED),
    )
    flag("secrets", "Secrets that annotations may name, comma-separated; none: all", "", "NAMES")
    flag("pod-security", "Pod Security level of namespaces without a label", "privileged", "LEVEL")
    flag(
        "enabled", f"pods backed up without an annotation of their own: {', '.join(Policy)}",
        Policy.ANNOTATED, "POLICY",
    )  # fmt: skip
    flag(
        "left-out", "controllers whose pods have to ask even so, KIND or KIND.GROUP, "
        "comma-separated; none: no such", ",".join(LEFT_OUT), "KINDS",
    )  # fmt: skip


def add_server(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the flags of the HTTPS server."""
    flag = Flags(parser, environment).add
    flag("listen", "where to serve HTTPS", "0.0.0.0:8443", "HOST:PORT")
    flag(
        "metrics-listen", "where to serve /metrics, /healthz and /readyz over plain HTTP", "",
        "HOST:PORT",
    )  # fmt: skip
    flag("client-ca", "PEM file of CAs; clients without a certificate signed by one of them get "
    "no answer", "",
         "FILE")  # fmt: skip
    flag(
        "client-names", "allowed common or DNS names of client certificates; none: all", "", "NAMES"
    )
    flag("drain-seconds", "seconds to keep serving after SIGTERM", "10", "SECONDS")
    flag("prepull", "DaemonSet that keeps the sidecar's image on the nodes", "", "NAME")
    flag(
        "follow", "watch what namespaces allow; if false, the strictest is assumed", "false", "BOOL"
    )
    flag(
        "coverage-seconds",
        "interval between scans for pods without a backup, in seconds; 0: never",
        "0",
        "SECONDS",
    )
    flag("service", "name of the webhook's Service", "backup-webhook", "NAME")
    flag("namespace", "namespace of the webhook's Service", "backup-webhook", "NAME")
    flag("cert-mode", "certificates: self, cert-manager or existing", "existing", "MODE")
    flag("tls-cert", "PEM file with the certificate chain; not in mode self", "", "FILE")
    flag("tls-key", "PEM file with its private key; not in mode self", "", "FILE")
    flag("ca-secret", "Secret that holds the CA; mode self", "backup-webhook-ca", "NAME")
    flag(
        "configuration",
        "MutatingWebhookConfiguration to update; mode self",
        "backup-webhook",
        "NAME",
    )
    flag("ca-days", "lifetime of a CA; mode self", "365", "DAYS")
    flag("leaf-hours", "lifetime of the server's certificate; mode self", "24", "HOURS")
    flag("overlap-hours", "how long both CAs are trusted; mode self", "24", "HOURS")


def options(arguments: argparse.Namespace) -> Options:
    """Return the options of injection in the flags; raise ConfigError."""
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
        excluded_namespaces=flags.names(arguments.excluded_namespaces),
        secrets=flags.names(arguments.secrets),
        pod_security=_level(arguments.pod_security),
        database_image=_none(arguments.database_image),
        enabled=_policy(arguments.enabled),
        left_out=flags.names(_none(arguments.left_out)),
    )


def _none(text: str) -> str:
    """Return the text, "" for ``none``; an empty variable means the default."""
    return "" if text.strip() == "none" else text.strip()


def _policy(text: str) -> Policy:
    try:
        return Policy(text)
    except ValueError:
        raise ConfigError(f"--enabled {text!r}: write one of {', '.join(Policy)}") from None


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
    host, port = flags.address(arguments, "listen")
    metrics = flags.value(arguments, "metrics-listen")
    return Server(
        _certificates(arguments, host, port),
        prepull=arguments.prepull,
        follow=flags.boolean(arguments, "follow"),
        drain=flags.number(arguments, "drain-seconds"),
        coverage=flags.number(arguments, "coverage-seconds"),
        metrics=flags.address(arguments, "metrics-listen") if metrics else None,
        clients=_clients(arguments),
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
    chain, key = flags.file(arguments, "tls-cert"), flags.file(arguments, "tls-key")
    return certs.Settings(mode, **where, host=host, port=port, chain=chain, key=key)


def _clients(arguments: argparse.Namespace) -> Clients | None:
    known = flags.names(flags.value(arguments, "client-names"))
    if flags.value(arguments, "client-ca"):
        return Clients(flags.file(arguments, "client-ca"), known)
    if known:
        raise ConfigError("--client-names needs --client-ca: write the path of a PEM file")
    return None


def _lifetimes(arguments: argparse.Namespace) -> Lifetimes:
    try:
        return Lifetimes(
            ca=timedelta(days=flags.number(arguments, "ca-days")),
            leaf=timedelta(hours=flags.number(arguments, "leaf-hours")),
            overlap=timedelta(hours=flags.number(arguments, "overlap-hours")),
        )
    except ValueError as error:
        raise ConfigError(f"--ca-days, --leaf-hours and --overlap-hours: {error}") from error


def check(server: Server) -> None:
    """Raise ConfigError where files hold no certificates, or none with its key."""
    if server.clients is not None:
        try:
            server.clients.refresh()
        except AuthorityError as error:
            raise ConfigError(f"--client-ca {str(server.clients.authority)!r}: {error}") from None
    if server.certificates.mode is certs.Mode.SELF:
        return
    chain, key = server.certificates.chain, server.certificates.key
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain, key, password="")  # an empty one: it would ask the terminal
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"--tls-cert {str(chain)!r} and --tls-key {str(key)!r}: "
            f"not a PEM certificate with its key ({error.strerror or error})"
        ) from None
