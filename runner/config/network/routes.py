"""CAs and proxies of requests, as set in the Secret; by Go's rules. Pure.

restic and rclone read the same variables with golang.org/x/net/http/httpproxy. Our requests follow
the same rules, so one Secret describes one network.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from contract.annotations.settings import Problem

_PORTS = {"http": "80", "https": "443"}
_ALL = "ALL_PROXY"
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", _ALL, "NO_PROXY")
"""The lower-case name counts if the upper-case one is not set."""
AUTHORITIES = ("BACKUP_CACERT", "RESTIC_CACERT", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Name certificates: ours, restic's, and those of all programs that use OpenSSL or Go."""
_LOOPBACK = "localhost,127.0.0.0/8,::1"  # never sent through a proxy, whatever NO_PROXY says


@dataclass(frozen=True, slots=True)
class Authorities:
    """Additional trusted CA certificates, in PEM form.

    ``for_all``: some of them are ours to hand to restic and rclone, which know the others.
    """

    pem: str = ""
    for_all: bool = False
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """How requests leave the pod. ``proxies`` are addresses by scheme, ``direct`` is NO_PROXY."""

    authorities: Authorities = Authorities()
    proxies: Mapping[str, str] = field(default_factory=dict)
    direct: str = ""
    given: Mapping[str, str] = field(default_factory=dict)

    def proxy(self, url: str) -> str:
        """Return the address of the proxy that a request goes through; "" where it needs none."""
        parts = urlsplit(url)
        proxy = self.proxies.get(parts.scheme, "")
        if not proxy or not parts.hostname:
            return ""
        port = str(parts.port or _PORTS[parts.scheme])
        return "" if _is_direct(parts.hostname, port, self.direct) else proxy

    @property
    def for_requests(self) -> Mapping[str, str]:
        """The variables of proxies for Python's requests, which Apprise uses."""
        hosts = [each.strip() for each in self.direct.split(",") if each.strip()]
        if not self.proxies or "*" in hosts:
            return {}
        found = {f"{scheme}_proxy": proxy for scheme, proxy in self.proxies.items()}
        hosts = [each.removeprefix("*") for each in hosts]
        return {**found, "no_proxy": ",".join((*hosts, _LOOPBACK))}

    @property
    def is_own(self) -> bool:
        """Whether restic and rclone need more variables than the Secret has."""
        return self.authorities.for_all or bool(self.given)

    @property
    def for_go(self) -> Mapping[str, str]:
        """Variables that restic and rclone do not read themselves: they ignore ALL_PROXY."""
        return {f"{scheme.upper()}_PROXY": proxy for scheme, proxy in self.given.items()}


def read(
    variables: Mapping[str, str], authorities: Authorities, problems: list[Problem]
) -> Network:
    """Return the network that a Secret describes; a proxy that cannot be used is a problem."""
    problems += authorities.problems
    common, key_of_common = _value(variables, _ALL)
    proxies: dict[str, str] = {}
    given: dict[str, str] = {}
    odd: dict[str, Problem] = {}
    for scheme in _PORTS:
        value, key = _value(variables, f"{scheme.upper()}_PROXY")
        text, key = (value, key) if value else (common, key_of_common)
        if not text:
            continue
        if not value:
            given[scheme] = text
        address, why = _address(text)
        if why:
            odd[key] = Problem("Secret variable", key, "", why, "no proxy for messages and metrics")
        else:
            proxies[scheme] = address
    problems += odd.values()
    return Network(authorities, proxies, _value(variables, "NO_PROXY")[0], given)


def _value(variables: Mapping[str, str], key: str) -> tuple[str, str]:
    """Return the first one that is set, and its name: Go reads upper case first."""
    for name in (key, key.lower()):
        if text := variables.get(name, "").strip():
            return text, name
    return "", key


def _address(text: str) -> tuple[str, str]:
    """Return the address of a proxy, or why it cannot be used; without a scheme it is HTTP."""
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or any(each.isspace() for each in address):
        return "", "is not a proxy address such as http://proxy.example.com:3128"
    if parts.scheme != "http":
        return "", f"{parts.scheme}:// proxies are for restic and rclone only: use an http:// one"
    return address, ""


def _is_direct(host: str, port: str, direct: str) -> bool:
    """Whether a host is reached without a proxy: loopback, or NO_PROXY names it."""
    host = host.lower()
    address = _ip(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = [each.strip().lower() for each in direct.split(",")]
    return "*" in entries or any(_names(entry, host, port, address) for entry in entries if entry)


def _names(entry: str, host: str, port: str, address: "_Address | None") -> bool:
    """Whether one entry of NO_PROXY names a host: network, address or domain, with a port or not"""
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = _split(entry)
    if wanted and wanted != port:
        return False
    if (only := _ip(name)) is not None:
        return only == address
    name = _ascii(name.removeprefix("*") if name.startswith("*.") else name)
    if name.startswith("."):
        return _ascii(host).endswith(name)
    return bool(name) and (_ascii(host) == name or _ascii(host).endswith(f".{name}"))


def _split(entry: str) -> tuple[str, str]:
    """Return host and port of ``host``, ``host:port``, ``[address]:port`` or a bare address."""
    if _ip(entry) is not None:
        return entry, ""
    name, _, port = entry.rpartition(":")
    if not name or "]" in port:
        return entry, ""
    return name.removeprefix("[").removesuffix("]"), port


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _ip(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if found.version == 6 else None
    return mapped or found


def _ascii(name: str) -> str:
    """Return a name as DNS resolves it."""
    dot = "." if name.startswith(".") else ""
    try:
        return dot + name.removeprefix(".").encode("idna").decode()
    except UnicodeError:
        return name
