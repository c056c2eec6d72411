"""Receivers of notifications in the Secret: ntfy, services, pings, Pushgateway. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from contract.annotations.settings import Problem
from runner.config import parse

_KUMA = "/api/push/"
_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


@dataclass(frozen=True, slots=True)
class Ntfy:
    """The ntfy receiver; ``title`` may contain shell command substitutions."""

    server: str
    topic: str
    title: str
    credentials: str
    priority: int
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A service that Apprise knows how to reach; the address as a whole is a secret.

    ``label`` is for people: its position in NOTIFY_URLS, counted from 1.
    """

    url: str
    label: str

    @property
    def key(self) -> str:
        """The key in the state, independent of its position in the list."""
        return f"service/{sha256(self.url.encode('utf-8', 'replace')).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Pings:
    """A dead man's switch: it alerts if no ping arrives.

    ``url`` is that of a check at healthchecks, or of a push monitor of Uptime Kuma.
    """

    url: str

    def started(self) -> str:
        """Return the URL to call when a run starts; "" if that is disabled."""
        return "" if _KUMA in self.url else self._below("start")

    def ended(self, *, good: bool, message: str, seconds: float) -> str:
        """Return what to call when a run has ended."""
        if _KUMA not in self.url:
            return self.url if good else self._below("fail")
        parts = urlsplit(self.url)
        said = {"status": "up" if good else "down", "msg": message[:200], "ping": round(seconds, 3)}
        query = urlencode({**dict(parse_qsl(parts.query)), **said})
        return urlunsplit(parts._replace(query=query))

    def _below(self, word: str) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{word}"))


@dataclass(frozen=True, slots=True)
class Receivers:
    """Receivers of notifications; ``pushgateway`` is its address. None and "" if not set."""

    ntfy: Ntfy | None = None
    services: tuple[Service, ...] = ()
    pings: Pings | None = None
    pushgateway: str = ""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.ntfy or self.services or self.pings or self.pushgateway)


def pings(variables: Mapping[str, str], problems: list[Problem]) -> Pings | None:
    """Return the dead-man's switch; None without, or where it has no address."""
    key = "PING_URL"
    url = variables.get(key, "").strip()
    try:
        usable = urlsplit(url).scheme in {"http", "https"} and bool(urlsplit(url).hostname)
    except ValueError:
        usable = False
    if url and not usable:
        problems.append(
            Problem("Secret variable", key, "", "is not an http:// or https:// URL", "no pings")
        )
    return Pings(url) if usable else None


def ntfy(variables: Mapping[str, str], problems: list[Problem]) -> Ntfy | None:
    """Return where ntfy is; None, and a problem, where the Secret does not say."""
    for key in ("NTFY_SERVER", "NTFY_TOPIC"):
        if not variables.get(key, "").strip():
            problems.append(Problem("Secret variable", key, "", "is missing", "no messages"))
            return None
    priority = variables.get("NTFY_PRIO", "").strip() or "4"
    if priority not in {"1", "2", "3", "4", "5"}:
        problems.append(Problem("Secret variable", "NTFY_PRIO", priority, "write 1 to 5", "4"))
        priority = "4"
    return Ntfy(
        server=variables["NTFY_SERVER"].strip().rstrip("/"),
        topic=variables["NTFY_TOPIC"].strip(),
        title=variables.get("NTFY_TITLE", "").strip(),
        credentials=variables.get("NTFY_CREDS", "").strip(),
        priority=int(priority),
        tags=tuple(tag.strip() for tag in variables.get("NTFY_TAG", "").split(",") if tag.strip()),
    )


def services(variables: Mapping[str, str], problems: list[Problem]) -> tuple[Service, ...]:
    """Return the services that NOTIFY_URLS names; what is no address is left out, and a problem."""
    key = "NOTIFY_URLS"
    found, odd = [], []
    for number, url in enumerate(dict.fromkeys(variables.get(key, "").split()), 1):
        if _SERVICE.fullmatch(url):
            found.append(Service(url, f"{key}: address {number}"))
        else:
            odd.append(str(number))
    if odd:
        why = f"not an address such as mailto://…: word {', '.join(odd)}"
        used = "the others" if found else "no messages"
        problems.append(Problem("Secret variable", key, "", why, used))
    return tuple(found)


def pushgateway(variables: Mapping[str, str], problems: list[Problem]) -> str:
    """Return the Pushgateway's address; "", and a problem, where the Secret does not say."""
    url = variables.get("PUSHGATEWAY_URL", "").strip().rstrip("/")
    if not url:
        key = "PUSHGATEWAY_URL"
        problems.append(Problem("Secret variable", key, "", "is missing", "no metrics"))
    return url if not url or "://" in url else f"http://{url}"


def receivers(variables: Mapping[str, str], problems: list[Problem]) -> Receivers:
    """Return all that the Secret names and its switches leave on."""
    messages = parse.flag(variables, "NTFY_ENABLED", problems, default=False)
    pushes = parse.flag(variables, "PUSHGATEWAY_ENABLED", problems, default=False)
    return Receivers(
        ntfy(variables, problems) if messages else None,
        services(variables, problems),
        pings(variables, problems),
        pushgateway(variables, problems) if pushes else "",
    )
