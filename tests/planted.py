"""A text that steers terminals, begins lines and runs commands, where it is shown as it is."""

import unicodedata

FORGED = "FORGED: all is well"
TEXT = (
    "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f\u202e\u2066\u200b\ufeff\u2028\u2029\udcff\U000e0041"
    f"\r\n{FORGED}\n$(touch planted)`touch planted`'\"; touch planted #"
)


def steering(shown: str, *, kept: str = "\n") -> list[str]:
    """Return what in an output could steer a terminal, and lines that were planted."""
    found = [
        f"U+{ord(letter):04X}"
        for letter in shown
        if letter not in kept and unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]
    return found + [line for line in shown.splitlines() if line.startswith(FORGED)]
