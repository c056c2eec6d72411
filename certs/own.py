"""Our own CA, shared by all replicas through one Secret: the mode `self`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.x509 import Certificate

from certs import rotation, secret
from certs.authority import Leaf, load_bundle, new_leaf, pem
from certs.rotation import Content, Lifetimes
from certs.secret import Parsed
from certs.source import View
from certs.store import ConflictError, Store, StoreError, Webhooks
from certs.watch import Watcher

_LOG = logging.getLogger("certs")
_POLL = timedelta(minutes=1)  # the watches are faster; this is for when they fail
_SOON = timedelta(seconds=1)
_ATTEMPTS = 5  # each conflict means that another replica got further


@dataclass(frozen=True, slots=True)
class _Installed:
    """What the API server trusts: PEM texts, and the CAs that all of them hold."""

    texts: frozenset[bytes]
    common: frozenset[Certificate]


@dataclass(frozen=True, slots=True)
class _Look:
    """The webhook configuration with a bundle in it, or why there is none."""

    webhooks: Webhooks | None = None
    problem: str = ""


class OwnCA:
    """Maintains Secret and CA bundle, and signs this replica's leaf in memory.

    There is no leader: any replica writes what is due, and reads again if another was faster.
    Without the cluster it continues with its memory.
    """

    def __init__(self, store: Store, dns: tuple[str, ...], times: Lifetimes) -> None:
        self._store = store
        self._dns = dns
        self._times = times
        self._content: Content | None = None
        self._installed: _Installed | None = None
        self._leaf: Leaf | None = None
        self._due: datetime | None = None
        self._watcher: Watcher | None = None

    def refresh(self, now: datetime) -> View:
        """Reconcile, then sign if due: a leaf's CA is in the bundle before the leaf is shown."""
        problem = self._reconcile(now)
        content = self._content
        if content is not None and content.current.valid(now):
            signer, leaf = content.current, self._leaf
            if leaf is None or leaf.signer != signer.certificate or not leaf.fresh(now):
                self._leaf = new_leaf(signer, now, self._times.leaf, self._dns)
        texts = self._installed.texts if self._installed else frozenset()
        return View(
            self._leaf,
            self._look_again(now),
            texts,
            content is not None and texts == {pem(*content.bundle)},
            content.current.certificate.not_valid_after_utc if content else None,
            problem,
        )

    def watch(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` when the Secret or the webhook configuration changes."""
        self._watcher = Watcher(self._store.readers(), changed)

    def close(self) -> None:
        """End the watches."""
        if self._watcher is not None:
            self._watcher.close()

    def _reconcile(self, now: datetime) -> str:
        problem = ""
        for _ in range(_ATTEMPTS):
            try:
                return self._once(now)
            except ConflictError as error:
                problem = str(error)
            except StoreError as error:
                return str(error)
        return problem

    def _once(self, now: datetime) -> str:
        """Read both objects and write what is due; return a problem that did not prevent it.

        The order makes this safe if a replica stalls at any point: the configuration is
        read before the Secret and written only at that version, so a bundle can never be older
        than the one that it replaces.
        """
        look = self._look()
        seen, content = look.webhooks, self._advance(now)
        if seen is None:
            return look.problem
        bundle = pem(*content.bundle)
        if any(text != bundle for text in seen.bundles.values()):
            self._store.apply(bundle, seen)
            _LOG.info("CA bundle applied", extra={"fields": {"cas": len(content.bundle)}})
            self._installed = _installed({bundle})
            self._due = now + _SOON  # what waited for it to be installed
        return ""

    def _look(self) -> _Look:
        # Without the configuration, or the right to read it, there must still be a leaf.
        try:
            seen = self._store.webhooks()
        except StoreError as error:
            return _Look(problem=str(error))
        if seen is None or not seen.bundles:
            self._installed = None
            return _Look(problem="the webhook configuration is not there, or holds no webhook")
        self._installed = _installed(set(seen.bundles.values()))
        return _Look(seen)

    def _advance(self, now: datetime) -> Content:
        """Write what is due into the Secret; return its content."""
        found = self._store.secret()
        parsed = secret.parse(found.data) if found else Parsed()
        stored, broken = parsed.content, parsed.broken
        common = self._installed.common if self._installed else None
        step = rotation.step(now, stored, self._content, common, self._times)
        if step.content != stored or broken:
            if found is None:
                self._store.create(secret.dump(step.content))
            else:
                self._store.update(secret.dump(step.content), found.version)
            for part in broken:
                _LOG.warning("broken in the CA Secret, replaced", extra={"fields": {"what": part}})
            event = _event(stored, step.content, self._content)
            _LOG.info(event, extra={"fields": {"cas": len(step.content.bundle)}})
        # Only now: a CA that never got into the Secret must not sign.
        self._content = step.content
        self._due = step.look_again
        return step.content

    def _look_again(self, now: datetime) -> datetime:
        moments = (self._due, self._leaf.renewal if self._leaf else None)
        # One that has passed waits for something else, such as the webhook configuration.
        return min((each for each in moments if each and each > now), default=now + _POLL)


def _installed(texts: set[bytes]) -> _Installed:
    common = frozenset.intersection(*map(load_bundle, texts))
    return _Installed(frozenset(texts), common)


def _event(before: Content | None, after: Content, remembered: Content | None) -> str:
    if before is None:
        return "CA put back from memory" if after == remembered else "CA made"
    if after.current != before.current:
        return "CA switched: the next one signs"
    if after.next != before.next:
        return "next CA made"
    if after.previous != before.previous:
        return "previous CA dropped"
    return "CA Secret updated"
