"""The webhook's own settings, from flags and environment, read once and checked at once."""

import argparse
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract import VERSION, settings
from webhook.inject import Options

_DEFAULT_IMAGE = f"backup-webhook-sidecar:{VERSION}"


class ConfigError(ValueError):
    """A flag or variable cannot be used; the message names it, its value and what to write."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where `serve` listens and with which certificate."""

    host: str
    port: int
    certificate: Path
    key: Path


def add_options(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the flags that decide what is injected; each one's default may stand in a variable."""

    def flag(name: str, meaning: str, default: str) -> None:
        variable = "BACKUP_WEBHOOK_" + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}",
            default=environment.get(variable) or default,
            metavar="TEXT",
            help=f"{meaning} (or {variable}; default: {default or 'none'})",
        )

    flag("image", "image of the sidecar", _DEFAULT_IMAGE)
    flag("pull-policy", "imagePullPolicy of the sidecar", "IfNotPresent")
    flag("cluster", "name of the cluster, a tag of every snapshot", "")
    flag("defaults", 'defaults of annotations as JSON, such as {"schedule": "@daily"}', "{}")
    flag("excluded-namespaces", "never injected, comma-separated", "kube-system,kube-public")


def add_server(parser: argparse.ArgumentParser, environment: Mapping[str, str]) -> None:
    """Add the flags of the HTTPS server."""
    listen = environment.get("BACKUP_WEBHOOK_LISTEN") or "0.0.0.0:8443"
    parser.add_argument(
        "--listen", default=listen, metavar="HOST:PORT",
        help="where to serve HTTPS (or BACKUP_WEBHOOK_LISTEN; default: 0.0.0.0:8443)",
    )  # fmt: skip
    for name, meaning in (("tls-cert", "certificate chain"), ("tls-key", "private key")):
        variable = "BACKUP_WEBHOOK_" + name.upper().replace("-", "_")
        parser.add_argument(
            f"--{name}", default=environment.get(variable), metavar="FILE",
            help=f"PEM file with the {meaning} (or {variable})",
        )  # fmt: skip


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
        excluded_namespaces=frozenset(arguments.excluded_namespaces.replace(",", " ").split()),
    )


def _defaults(text: str) -> Mapping[str, str]:
    try:
        given = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"--defaults is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise ConfigError('--defaults: write a JSON object such as {"schedule": "@daily"}')
    by_key = {setting.key: setting for setting in settings.ALL if setting != settings.ENABLED}
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
    files = {}
    for name in ("tls_cert", "tls_key"):
        flag, value = f"--{name.replace('_', '-')}", getattr(arguments, name)
        if not value:
            raise ConfigError(f"{flag} is missing: write the path of a PEM file")
        if not Path(value).is_file():
            raise ConfigError(f"{flag} {value!r}: no such file")
        files[name] = Path(value)
    return Server(host.strip("[]"), int(port), files["tls_cert"], files["tls_key"])


def check(server: Server) -> None:
    """Raise ConfigError where the files hold no certificate with its key."""
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(server.certificate, server.key)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"--tls-cert {str(server.certificate)!r} and --tls-key {str(server.key)!r}: "
            f"no PEM certificate with its key ({error.strerror or error})"
        ) from None
