"""Keeps the server's certificate valid: the only part with a clock and a thread."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

from certs import probe
from certs.authority import BrokenError, Leaf, names
from certs.context import Front, Prepare
from certs.files import Files
from certs.own import OwnCA
from certs.settings import Mode, Settings
from certs.source import Source, View
from certs.store import Store

_LOG = logging.getLogger("certs")
_SHORTEST, _LONGEST = 0.5, 30.0  # seconds between attempts while something is wrong
_JOIN = 15.0  # seconds; one request to the API server may be under way


class StoppedError(Exception):
    """The keeper was stopped before there was a certificate."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state for metrics and logs. ``problem`` is empty if all is well.

    ``bundle_in_sync`` is None if the bundle is not ours to keep. ``leaf_life`` is nothing
    where there is no leaf.
    """

    leaf_expires: datetime | None
    ca_expires: datetime | None
    bundle_in_sync: bool | None
    problem: str
    leaf_life: timedelta = timedelta()


class Keeper:
    """Keeps a certificate for the server at all times, even without the cluster."""

    def __init__(
        self,
        settings: Settings,
        source: Source | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        prepare: Prepare = lambda _: None,
    ) -> None:
        self._settings = settings
        self._source = source or _source(settings)
        self._clock = clock
        self._front = Front(prepare)
        self._shown: Leaf | None = None
        self._showing = Lock()
        self._view = View(None, datetime.max.replace(tzinfo=UTC))
        self._problem = ""
        self._unready = ""
        self._failures = 0
        self._wake = Event()
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="certs", daemon=True)

    def start(self) -> ssl.SSLContext:
        """Wait until there is a certificate, then keep it good from a thread.

        Return the context to serve with, which stays the same one for good. Raise StoppedError
        where ``stop`` came first.
        """
        while not self.tick(self._clock()):
            if self._stopped.wait(self._pause(self._clock())):
                raise StoppedError("stopped before there was a certificate")
        self._source.watch(self._wake.set)
        self._thread.start()
        return self._front.context

    def renew(self) -> None:
        """Prepare the context for new connections again."""
        with self._showing:
            if self._shown:
                self._front.use(self._shown)

    def stop(self) -> None:
        """End the thread and the watches. The context keeps working."""
        self._stopped.set()
        self._wake.set()
        self._source.close()
        if self._thread.ident is not None:
            self._thread.join(_JOIN)

    def ready(self) -> bool:
        """Return whether the API server can talk to us, proven by a handshake as it would do it.

        Blocks for up to a few seconds, so call it from a thread other than the server's.
        """
        bundles = self._view.bundles
        host, port = self._settings.host, self._settings.port
        name = f"{self._settings.service}.{self._settings.namespace}.svc"
        problems = (probe.problem(host, port, name, bundle) for bundle in bundles)
        unready = next(filter(None, problems), "") if bundles else "no CA bundle is installed"
        if unready != self._unready:
            _LOG.info("readiness", extra={"fields": {"problem": unready or None}})
            self._unready = unready
        return not unready

    def status(self) -> Status:
        """Return the state as of the last look."""
        return Status(
            leaf_expires=self._shown.expires if self._shown else None,
            ca_expires=self._view.ca_expires,
            bundle_in_sync=self._view.in_sync,
            problem=self._problem or self._unready,
            leaf_life=self._shown.life if self._shown else timedelta(),
        )

    def tick(self, now: datetime) -> bool:
        """Check once and do what is due; never raise. Return whether there is a certificate."""
        try:
            self._view = self._source.refresh(now)
            unusable = self._show(self._view.leaf)
            problem = self._view.problem or unusable
        except Exception as error:  # noqa: BLE001 -- whatever it is, the server goes on
            # Not its message, which might quote a key.
            problem = f"internal error: {_place(error)}"
        self._failures = self._failures + 1 if problem else 0
        if problem != self._problem:
            level = logging.WARNING if problem else logging.INFO
            _LOG.log(level, "certificates", extra={"fields": {"problem": problem or None}})
            self._problem = problem
        return self._shown is not None

    def _show(self, leaf: Leaf | None) -> str:
        if leaf is None or leaf == self._shown:
            return ""
        try:
            with self._showing:
                self._front.use(leaf)
                self._shown = leaf
        except BrokenError as error:
            return str(error)
        fields = {
            "serial": f"{leaf.certificate.serial_number:x}",
            "expires": leaf.expires.isoformat(),
        }
        _LOG.info("certificate in use", extra={"fields": fields})
        return ""

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(self._pause(self._clock()))
            self._wake.clear()
            if not self._stopped.is_set():
                self.tick(self._clock())

    def _pause(self, now: datetime) -> float:
        """Return the seconds until the next check."""
        if self._failures:
            return min(_SHORTEST * 2.0 ** min(self._failures - 1, 10), _LONGEST)
        wait = (self._view.look_again - now).total_seconds()
        return min(max(wait, 0.0), 60.0)  # a clock may jump


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = trace and f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__} at {where}"


def _source(settings: Settings) -> Source:
    if settings.mode is not Mode.SELF:
        return Files(settings.chain, settings.key)
    store = Store(settings.namespace, settings.secret, settings.configuration)
    return OwnCA(store, names(settings.service, settings.namespace), settings.times)
