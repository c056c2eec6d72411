"""What backups exclude today: the setting, options, and the files of patterns that these name."""

import os

from contract.annotations import settings
from runner.config.model import Config
from runner.restic import left_out
from runner.restic.left_out import Options

_READ = 1 << 20  # bytes of a file of patterns


def today(config: Config) -> Options:
    """Return the excludes of current backups; raise ValueError if they are unknown."""
    if any(each.key == left_out.KEY and not each.value for each in config.problems):
        raise ValueError(f"{left_out.KEY} cannot be split into words")
    found = left_out.options(config.repository.options.backup)
    variables = {**os.environ, **config.repository.expanded}
    for file, insensitive in found.files:
        try:
            with open(file, "rb") as opened:  # noqa: PTH123 -- any path that restic takes
                text = _decoded(opened.read(_READ))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ValueError(f"{left_out.KEY}: {file} cannot be read ({reason})") from None
        lines = left_out.lines(text, variables)
        (found.insensitive if insensitive else found.patterns).extend(lines)
    given: tuple[str, ...] = config.settings.get(settings.EXCLUDE) or ()
    found.patterns += given
    return found


def _decoded(text: bytes) -> str:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16")
    return text.decode("utf-8-sig", "surrogateescape")
