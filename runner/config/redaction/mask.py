"""The mask for output of other programs. Pure.

Text is foreign if restic, rclone, database clients, hooks or servers wrote it, or if it is a value
of the Secret that a message repeats. It is masked on input and never again: our own words, tags,
names and numbers stay unchanged, whatever the password is.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from contract.secret.redaction import MASK, redact
from runner.config.redaction import spellings, vocabulary
from runner.config.redaction.credentials import Credentials, is_token

_SHORTEST = 4  # characters: shorter ones are hidden beside their user alone
_LONGEST_CUT = 200  # characters of a secret of which a part is looked for
_SHORTEST_CUT = 6
_ELLIPSIS = re.compile(r"\.{3}|…")
_BETWEEN_PIECES = re.compile(r"[/?#@\s\"%]")


class Foreign(str):
    """A masked line of another program; ``heard`` is the original line.

    It is shown, joined and stored like any text. Only decisions use `heard`.
    """

    __slots__ = ("heard",)
    heard: str

    def __new__(cls, shown: str, line: str) -> Self:
        made = super().__new__(cls, shown)
        made.heard = line
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Drop the original line when copied or stored."""
        return str, (str(self),)


def heard(line: str) -> str:
    """Return the original line, for decisions; never for output."""
    return line.heard if isinstance(line, Foreign) else line


@dataclass(frozen=True, slots=True)
class Mask:
    """Removes credentials from foreign text: first known ones, then those that look like some.

    ``exact`` are replaced wherever they stand, ``words`` where they stand alone; of ``long`` ones
    a part is, where the text was cut.
    """

    exact: tuple[tuple[str, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    long: tuple[str, ...] = ()

    def __call__(self, text: str) -> str:
        """Return ``text`` without any credential."""
        for secret, instead in self.exact:
            if secret in text:
                text = text.replace(secret, instead)
        for secret, instead in self.words:
            if secret in text:
                pattern = _alone(secret, login=instead != MASK)
                text = pattern.sub(instead.replace("\\", r"\\"), text)
        return redact(self._without_parts(text))

    def line(self, text: str) -> Foreign:
        """Return a line to show, that remembers what it was."""
        return Foreign(self(text), text)

    def _without_parts(self, text: str) -> str:
        for secret in self.long:
            if secret[:_SHORTEST_CUT] not in text and secret[-_SHORTEST_CUT:] not in text:
                continue
            for found in reversed([*_ELLIPSIS.finditer(text)]):
                kept = _without_end(text[: found.start()], secret)
                text = kept + text[found.start() :]
            text = _without_end(text, secret)
            for length in range(len(secret) - 1, _SHORTEST_CUT - 1, -1):
                if text.startswith(secret[-length:]) and not vocabulary.holds(secret[-length:]):
                    text = MASK + text[length:]
        return text


def _without_end(text: str, secret: str) -> str:
    """Return a text without the start of a secret at its end."""
    for length in range(len(secret) - 1, _SHORTEST_CUT - 1, -1):
        if text.endswith(secret[:length]) and not vocabulary.holds(secret[:length]):
            return text[:-length] + MASK
    return text


NONE = Mask()


def mask(credentials: Credentials, public: Iterable[str] = ()) -> Mask:
    """Return the mask for these credentials.

    Common words, and words of ``public`` names such as the namespace's, are hidden only where they
    stand as a password: a sentence tells nobody that they are one.
    """
    known = {word.casefold() for name in public for word in (name, *re.split(r"\W+", name))}
    exact: dict[str, str] = {}
    words: dict[str, str] = {}
    long = set()
    for value in credentials.values:
        if len(value) < _SHORTEST or vocabulary.holds(value) or value.casefold() in known:
            continue
        strong = is_token(value)
        (exact if strong else words).update(dict.fromkeys(spellings.of(value), MASK))
        if strong and len(value) <= _LONGEST_CUT and not re.search(r"\s", value):
            long.add(value)
    for user, password in credentials.logins:
        pairs = dict(_together(user, password))
        words.update(pairs)
        exact.update(dict.fromkeys(spellings.of_pair(user, password), MASK))
    for token in credentials.tokens:
        exact.update({f"//{each}@": f"//{MASK}@" for each in spellings.of(token)})
    return Mask(
        tuple(sorted(exact.items(), key=_longest_first)),
        tuple(sorted(words.items(), key=_longest_first)),
        tuple(sorted(long, key=len, reverse=True)),
    )


def _longest_first(item: tuple[str, str]) -> tuple[int, str]:
    """Sort a secret that contains another before it: otherwise its rest would be shown."""
    return -len(item[0]), item[0]


def _together(user: str, password: str) -> Iterator[tuple[str, str]]:
    """Yield patterns of a password, or its start, after its user, and their replacements."""
    cuts = [match.start() for match in _BETWEEN_PIECES.finditer(password)]
    for piece in {password, *(password[:cut] for cut in cuts)} - {""}:
        for before in {f"//{user}", user} - {""}:
            for each in spellings.of(piece):
                yield f"{before}:{each}", f"{before}:{MASK}"


def _alone(text: str, *, login: bool) -> re.Pattern[str]:
    """Return the pattern of a word that is not part of another word or of a path.

    A ``login`` has its user before it, as in an address, and a path may follow.
    """
    before = r"(?:(?<![\w/.-])|(?<=\s-p))" if text[0].isalnum() or text[0] == "_" else ""
    after = r"(?!\w)" if login else r"(?![\w/-]|\.\w)"
    after = after if text[-1].isalnum() or text[-1] == "_" else ""
    return re.compile(f"{before}{re.escape(text)}{after}")
