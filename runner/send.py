"""The only network client: Pushgateway and ntfy. Nothing here changes a backup's result."""

import base64
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from contract import VERSION

_TIMEOUT = 20  # seconds for a whole answer


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


def _post(url: str, body: bytes, headers: dict[str, str]) -> str:
    try:
        request = _request(url, body, headers)
        if request.type not in {"http", "https"}:
            return f"{request.type}: is no web address"
        with urllib.request.urlopen(request, timeout=_TIMEOUT):  # noqa: S310 -- checked above
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
