"""Certificates that are mounted: the modes `cert-manager` and `existing`."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from certs.authority import BrokenError, Leaf, load_bundle, load_certificate
from certs.source import View

_POLL = timedelta(seconds=10)


class Files:
    """A certificate chain and its key in two PEM files; beside them perhaps `ca.crt`.

    They are read each time. The kubelet swaps a whole folder by a symbolic link, so what counts is
    the content, not a time stamp; a chain and a key from two sides of the swap do not fit together,
    are refused when they are loaded, and read again soon.
    """

    def __init__(self, chain: Path, key: Path) -> None:
        self._chain = chain
        self._key = key
        self._last: View | None = None

    def refresh(self, now: datetime) -> View:
        """Return the content of the files; if they cannot be read, their last content."""
        try:
            view = self._read(now)
        except OSError as error:
            problem = f"{error.filename}: {error.strerror}"
        except BrokenError as error:
            problem = f"{self._chain}: {error}"
        else:
            self._last = view
            return view
        last = self._last or View(None, now)
        return replace(last, look_again=now + _POLL, problem=problem)

    def watch(self, changed: Callable[[], None]) -> None:
        """Do nothing: files are polled."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _read(self, now: datetime) -> View:
        chain, key = self._chain.read_bytes(), self._key.read_bytes()
        leaf = Leaf(chain, key, load_certificate(chain))
        # cert-manager brings the CA. Where nobody does, the leaf is trusted for itself: name and
        # dates are then all that readiness can prove.
        beside = self._chain.parent / "ca.crt"
        authority = beside.read_bytes() if beside.is_file() else b""
        ends = [each.not_valid_after_utc for each in load_bundle(authority)]
        problem = f"{self._chain}: expired on {leaf.expires}" if leaf.expires <= now else ""
        return View(
            leaf,
            now + _POLL,
            frozenset({authority if ends else chain}),
            ca_expires=min(ends, default=None),
            problem=problem,
        )
