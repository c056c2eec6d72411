"""Kubernetes resource quantities: ``100m``, ``1.5``, ``256Mi``, ``1e3``."""

import re
from decimal import Decimal

_SCALES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)},
}
_FORM = re.compile(
    r"(\+?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"  # number
    r"(?:([eE][+-]?[0-9]{1,2})|([numkMGTPE]|[KMGTPE]i))?"  # exponent or suffix
)


def parse(text: str) -> Decimal:
    """Return the value in the base unit (cores, bytes); raise ValueError if it is none."""
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError("write a Kubernetes quantity such as 100m, 1 or 256Mi")
    number, exponent, suffix = match.groups()
    return Decimal(number + (exponent or "")) * _SCALES[suffix or ""]
