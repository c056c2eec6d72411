"""How the Secret's data is written: text per key, times in ISO 8601. Pure.

`ca.crt` and `ca.key` are the CA that signs, `next.crt` and `next.key` the one that will;
`previous.crt` signed before and is still trusted. A key `rotate`, whatever its value, asks for a
rotation now: `kubectl patch secret NAME -p '{"stringData":{"rotate":"now"}}'`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.x509 import Certificate

from certs.authority import CA, BrokenError, key_pem, load_ca, load_certificate, pem
from certs.rotation import Content

KEYS = (
    "ca.crt", "ca.key", "next.crt", "next.key", "published", "previous.crt", "switched", "rotate",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the Secret holds."""

    content: Content | None = None  # None without a usable CA
    broken: tuple[str, ...] = ()  # lines about parts that cannot be read


def parse(data: Mapping[str, bytes]) -> Parsed:
    """Return the content of ``data``, and which keys are invalid."""
    problems: list[str] = []
    current = _ca(data, "ca", problems)
    if current is None:
        return Parsed(broken=tuple(problems))
    coming = _ca(data, "next", problems)
    previous = _certificate(data, "previous.crt", problems)
    content = Content(
        current,
        next=coming,
        published=_time(data, "published") if coming else None,
        previous=previous,
        switched=_time(data, "switched") if previous else None,
        asked="rotate" in data,
    )
    return Parsed(content, tuple(problems))


def dump(content: Content) -> dict[str, bytes | None]:
    """Return what to write under every one of our keys; None removes it."""
    values: dict[str, bytes | None] = dict.fromkeys(KEYS)
    for name, ca in (("ca", content.current), ("next", content.next)):
        if ca is not None:
            values[f"{name}.crt"] = pem(ca.certificate)
            values[f"{name}.key"] = key_pem(ca.key)
    if content.previous is not None:
        values["previous.crt"] = pem(content.previous)
    for name, moment in (("published", content.published), ("switched", content.switched)):
        if moment is not None:
            values[name] = moment.astimezone(UTC).isoformat().encode()
    if content.asked:
        values["rotate"] = b"now"
    return values


def _ca(data: Mapping[str, bytes], name: str, problems: list[str]) -> CA | None:
    certificate, key = data.get(f"{name}.crt", b""), data.get(f"{name}.key", b"")
    if not certificate and not key:
        return None
    try:
        return load_ca(certificate, key)
    except BrokenError as error:
        problems.append(f"{name}.crt and {name}.key: {error}")
        return None


def _certificate(data: Mapping[str, bytes], name: str, problems: list[str]) -> Certificate | None:
    if not data.get(name):
        return None
    try:
        return load_certificate(data[name])
    except BrokenError as error:
        problems.append(f"{name}: {error}")
        return None


def _time(data: Mapping[str, bytes], name: str) -> datetime | None:
    # Unreadable is as good as absent: the period then starts again, which is the safe side.
    try:
        moment = datetime.fromisoformat(data.get(name, b"").decode("ascii"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
