"""The only network client: Pushgateway, ntfy, pings, Apprise; no backup depends on it."""

import base64
import json
import logging
import os
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from threading import Thread
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from contract import VERSION
from runner.config.network.routes import Network
from runner.process.environment import authorities

_WHOLE = 20.0  # seconds that a delivery may take in any case
_PING_BYTES = 10_000
_NOWHERE = logging.NullHandler()
_OPEN = Network()
_NONE: Mapping[str, str] = MappingProxyType({})
_TRUST = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_PING = 5.0  # seconds, of which a backup waits for the first


def push(url: str, exposition: str, network: Network = _OPEN, *, quick: bool = False) -> str:
    """POST metrics to a Pushgateway group; return what went wrong, "" if nothing.

    ``quick``: whoever waits for it does not want to wait for long.
    """
    headers = {"Content-Type": "text/plain; version=0.0.4"}
    return _post(url, exposition.encode(), headers, network, _PING if quick else _WHOLE)


def notify(
    server: str, message: dict[str, Any], authorization: str, network: Network = _OPEN
) -> str:
    """POST a message to ntfy; return what went wrong, "" if nothing."""
    headers = {"Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    return _post(f"{server}/", body, headers, network)


def ping(url: str, message: str, network: Network = _OPEN) -> str:
    """POST to a dead-man's switch; return what went wrong, "" if nothing."""
    body = message.encode("utf-8", "replace")[:_PING_BYTES]
    return _post(url, body, {}, network, _PING)


def tell(
    urls: Sequence[str], title: str, text: str, kind: str, variables: Mapping[str, str] = _NONE
) -> list[str]:
    """Hand a message to each address immediately, through Apprise; return what went wrong with
    each.

    ``kind`` is "failure", "warning" or "success"; ``variables``: see `variables_for_requests`.
    Errors are in our own words: those of Apprise, and of its libraries, quote addresses.
    """
    _be_silent()
    calls = [partial(_apprise, url, title, text, kind) for url in urls]
    with _environment(variables):
        return _within(_WHOLE, calls)


def variables_for_requests(network: Network, folder: str) -> Mapping[str, str]:
    """Return the variables that give Apprise our CAs and proxies.

    A file of CAs is written into ``folder`` if custom ones are set; raises OSError.
    """
    path = authorities.bundle(network.authorities, folder)
    trusted = {"REQUESTS_CA_BUNDLE": path, "SSL_CERT_FILE": path} if path else {}
    return {**network.for_requests, **trusted}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Let only these variables route requests, which read nothing but the environment."""
    before = dict(os.environ)
    for key in before:
        if key.lower().endswith("_proxy") or key in _TRUST:
            del os.environ[key]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _be_silent() -> None:
    """Silence all libraries: without a handler, Python itself prints warnings."""
    logging.getLogger().addHandler(_NOWHERE)
    warnings.simplefilter("ignore")


def _apprise(url: str, title: str, text: str, kind: str) -> str:
    try:
        import apprise  # noqa: PLC0415 -- it costs 30 MiB, and there is seldom something to tell

        # A limit of Apprise's own would start threads that the end of the process waits for.
        asset = apprise.AppriseAsset(service_timeout=0, storage_mode="memory")
        service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            return "Apprise does not know this address, or it is incomplete"
        alone = apprise.Apprise(service, asset=asset)
        plain = apprise.NotifyFormat.TEXT
        # Not compared with False: the result is an object, and false is what it is worth.
        if alone.notify(text, title, apprise.NotifyType(kind), body_format=plain):
            return ""
    except ModuleNotFoundError as error:
        if error.name == "apprise":
            return "Apprise is not installed: pip install 'backup-webhook[runner]'"
        return type(error).__name__
    except Exception as error:  # noqa: BLE001 -- a hundred plugins have errors of their own
        return type(error).__name__
    return "it did not accept the message"


def _post(
    url: str, body: bytes, headers: dict[str, str], network: Network, limit: float = _WHOLE
) -> str:
    (wrong,) = _within(limit, [partial(_try, url, body, headers, network, limit)])
    return wrong


def _within(limit: float, calls: Sequence[Callable[[], str]]) -> list[str]:
    """Return all responses within ``limit`` seconds: servers may drip bytes forever."""
    answers = [f"no answer within {limit:.0f} s"] * len(calls)

    def answer(number: int) -> None:
        answers[number] = calls[number]()

    threads = [Thread(target=answer, args=(n,), daemon=True) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + limit
    for thread in threads:
        thread.join(max(0, ends - time.monotonic()))
    return list(answers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, which delivers nothing and looks like success."""

    def redirect_request(self, *_: object) -> None:
        return None


def _try(url: str, body: bytes, headers: dict[str, str], network: Network, limit: float) -> str:
    try:
        request = _request(url, body, headers)
        if request.type not in {"http", "https"}:
            return f"{request.type}: is not an http:// or https:// URL"
        with _opener(request, network).open(request, timeout=limit):
            return ""
    except urllib.error.HTTPError as error:
        said = error.read(200).decode("utf-8", "replace").strip()
        return f"HTTP {error.code} {said}".strip()
    except (OSError, ValueError) as error:
        # A dropped connection is a failure too: some servers crash where they should answer.
        return str(getattr(error, "reason", error)) or type(error).__name__
    except Exception as error:  # noqa: BLE001 -- http.client has errors of its own
        return type(error).__name__


def _opener(request: urllib.request.Request, network: Network) -> urllib.request.OpenerDirector:
    """Return the opener of a request; if it goes through a proxy, redirect the request there."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _NoRedirect()]
    if request.type == "https":
        context = authorities.context(network.authorities)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    if proxy := network.proxy(request.full_url):
        parts = urlsplit(proxy)
        userinfo, _, host = parts.netloc.rpartition("@")
        if userinfo:
            request.add_header("Proxy-Authorization", _basic(userinfo))
        request.set_proxy(host if parts.port else f"{host}:80", "http")
    return urllib.request.build_opener(*handlers)


def _basic(userinfo: str) -> str:
    return f"Basic {base64.b64encode(unquote(userinfo).encode()).decode()}"


def _request(url: str, body: bytes, headers: dict[str, str]) -> urllib.request.Request:
    """Return the request; ``user:password@`` in the URL becomes a header, as with curl."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    own = {"User-Agent": f"backup-webhook/{VERSION}"}
    if userinfo:
        own["Authorization"] = _basic(userinfo)
    target = urlunsplit(parts._replace(netloc=host))
    return urllib.request.Request(target, body, {**own, **headers})  # noqa: S310 -- checked by _post
