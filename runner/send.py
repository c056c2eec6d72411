"""The only network client: Pushgateway, ntfy, pings. Nothing here changes a backup's result."""

import base64
import json
import urllib.error
import urllib.request
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from contract import VERSION

_WHOLE = 20.0  # seconds that a delivery may take, whatever the other side does
_PING_BYTES = 10_000
_PING = 5.0  # seconds, of which a backup waits for the first


def push(url: str, exposition: str) -> str:
    """POST metrics to a Pushgateway group; return what went wrong, "" if nothing."""
    return _post(url, exposition.encode(), {"Content-Type": "text/plain; version=0.0.4"})


def notify(server: str, message: dict[str, Any], authorization: str) -> str:
    """POST a message to ntfy; return what went wrong, "" if nothing."""
    headers = {"Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    return _post(
        f"{server}/", json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"), headers
    )


def ping(url: str, message: str) -> str:
    """POST to a dead-man's switch; return what went wrong, "" if nothing."""
    return _post(url, message.encode("utf-8", "replace")[:_PING_BYTES], {}, _PING)


def _post(url: str, body: bytes, headers: dict[str, str], limit: float = _WHOLE) -> str:
    """Deliver within ``limit`` seconds: a server may answer a byte at a time, for ever."""
    answer: list[str] = []
    thread = Thread(target=lambda: answer.append(_try(url, body, headers, limit)), daemon=True)
    thread.start()
    thread.join(limit)
    return answer[0] if answer else f"no answer within {limit:.0f} s"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, which delivers nothing and looks like success."""

    def redirect_request(self, *_: object) -> None:
        return None


def _try(url: str, body: bytes, headers: dict[str, str], limit: float) -> str:
    try:
        request = _request(url, body, headers)
        if request.type not in {"http", "https"}:
            return f"{request.type}: is no web address"
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=limit):
            return ""
    except urllib.error.HTTPError as error:
        said = error.read(200).decode("utf-8", "replace").strip()
        return f"HTTP {error.code} {said}".strip()
    except (OSError, ValueError) as error:
        # A dropped connection is a failure too: some servers crash where they should answer.
        return str(getattr(error, "reason", error)) or type(error).__name__
    except Exception as error:  # noqa: BLE001 -- http.client has errors of its own
        return type(error).__name__


def _request(url: str, body: bytes, headers: dict[str, str]) -> urllib.request.Request:
    """Return the request; ``user:password@`` in the URL becomes a header, as curl does it."""
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    own = {"User-Agent": f"backup-webhook/{VERSION}"}
    if userinfo:
        encoded = base64.b64encode(unquote(userinfo).encode()).decode()
        own["Authorization"] = f"Basic {encoded}"
    target = urlunsplit(parts._replace(netloc=host))
    return urllib.request.Request(target, body, {**own, **headers})  # noqa: S310 -- checked by _post
