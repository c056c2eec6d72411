"""Checks that a program runs before it imports anything else of its own.

This, what imports it first (requirements.py of each program) and each program's __main__.py are
parsed by Python 3.6 and newer: where the rest cannot even be parsed, this has to say so.
"""

import sys
from importlib.util import find_spec

OLDEST = (3, 11)  # as requires-python in pyproject.toml


def check(program: str, extra: str, modules: "tuple[str, ...]") -> None:
    """End the program, with one line, where Python is too old or the extra is not installed.

    ``modules`` are those that an installation with the extra brings. Of no other module anything is
    said: one that is missing is a fault of ours, and its trace says where.
    """
    if sys.version_info < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        here = f"{sys.version_info[0]}.{sys.version_info[1]} ({sys.executable})"
        sys.exit(f"{program} needs Python {oldest} or newer; this is Python {here}")
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        sys.exit(
            f"{program} needs the extra {extra!r}, which is not installed (missing: "
            f"{', '.join(missing)}): pip install 'backup-webhook[{extra}]'"
        )
