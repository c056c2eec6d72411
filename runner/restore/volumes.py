"""Restores whole volumes, each from the first snapshot that holds files of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from contract import text
from contract.snapshots import NAMESPACE, Snapshot
from contract.units import size
from runner.config.model import Config
from runner.databases.load import sql
from runner.process import files as process_files
from runner.process import mounts
from runner.process.log import Log
from runner.process.signals import Stop
from runner.restic import selection
from runner.restic.selection import Wanted
from runner.restore import folder as restore_folder
from runner.restore import staging
from runner.restore.files import verification
from runner.restore.files.place import Place
from runner.restore.folder import Put
from runner.restore.lease import Claim, Waiter
from runner.restore.staging import Staging
from runner.session.executor import Executor
from runner.state import handover
from runner.steps.outcome import Failure, Status
from runner.steps.step import RunEnded
from runner.volume.seal import Seal

_NAMED = 20  # files that could not be restored, in the log
_TOLD = 60  # seconds between lines about another pod that is at work


def refill(config: Config, log: Log, stop: Stop, want: Wanted, folders: list[Path]) -> list[str]:
    """Fill these folders; return a line about each. Raises RunEnded, or OSError of a volume's."""
    work = _Work(config, log, stop, want)
    return [*[work.fill(folder) for folder in folders], *work.dumps()]


class _Work:
    """What all volumes of a pod share: the executor, and the listed snapshots."""

    def __init__(self, config: Config, log: Log, stop: Stop, want: Wanted) -> None:
        self._config = config
        self._log = log
        self._stop = stop
        self._want = want
        self._executor = Executor(config, log, stop, hurry=True)
        self._seal = Seal(process_files.password(config))
        self._listed: list[Snapshot] | None = None
        self._known: list[Snapshot] = []

    def fill(self, folder: Path) -> str:
        """Restore a volume, or as much of that as another pod, or we before, left to do."""
        try:
            root = mounts.volume_of(self._config, folder)
            line = self._fill(Staging(folder, root, self._seal))
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(error.filename or folder)) from None
        self._log.line("info", line)
        return line

    def dumps(self) -> list[str]:
        """Return a line about each dump: of its database, no volume has the files."""
        if self._listed is None:
            return []
        lines = sql.offered(
            self._listed, _moment(self._want, self._listed), _origin(self._config, self._want)
        )
        for line in lines:
            self._log.line("info", line)
        return lines

    def _fill(self, stage: Staging) -> str:
        with self._claimed(stage) as claim:
            if claim is None:
                return f"{stage.volume}: another pod restored it"
            said = "as an earlier attempt began"
            if not stage.is_gathered:
                found = self._gather(stage)
                if found is None:
                    claim.end()
                    stage.remove()
                    stage.unmake()
                    return f"{stage.volume} starts empty: there is no {self._want} with files of it"
                said = f"from {found}"
            theirs = stage.put_in_place()
            claim.end()
            stage.remove()
        if theirs:
            line = f"kept files that others wrote during the restore: {text.listed(theirs)}"
            self._log.line("warning", line)
        return f"{stage.volume} restored, {said}"

    @contextmanager
    def _claimed(self, stage: Staging) -> Iterator[Claim | None]:
        """Acquire the lease of the restore; yield None if another pod has completed it."""
        waiter = Waiter(self._config.identity.pod, self._config.timing.restore.stale)
        root = mounts.volume_of(self._config, stage.volume)
        claim, told = None, 0.0
        while claim is None:
            if self._stop.asked:
                raise RunEnded(Status.INTERRUPTED, "stopped before completion")
            if not staging.needs_work(stage.volume, root):
                yield None
                return
            try:
                stage.make()
                claim = waiter.take(stage.folder, self._lose)
            except FileNotFoundError:
                continue  # another pod has just ended its work
            if claim is None and time.monotonic() - told > _TOLD:
                told = time.monotonic()
                self._log.line("info", f"{stage.volume}: waiting for the pod that restores it")
            if claim is None:
                waiter.wait()
        try:
            yield claim
        finally:
            claim.end(free=True)

    def _lose(self) -> None:
        self._log.line("error", "another pod took over the restore: this one was too slow")
        self._stop.asked = True

    def _gather(self, stage: Staging) -> Snapshot | None:
        """Restore from the first snapshot that holds files of the volume; None if none does."""
        path = str(stage.volume)
        with self._executor.only_into(stage.folder):
            return self._first(stage, path)

    def _first(self, stage: Staging, path: str) -> Snapshot | None:
        candidates = [kept for kept in self._snapshots() if kept.may_hold(path)]
        if candidates and self._take(stage, candidates[0]):
            return candidates[0]
        # It is empty there. Most often it always was, and each start would try all snapshots.
        for kept in self._executor.follow(restore_folder.holding(candidates[1:], path)):
            if self._take(stage, kept):
                return kept
        if self._want.required:
            line = f"{stage.volume}: there is no {self._want} with files of it, and one is required"
            raise RunEnded(Status.FAILURE, line, Failure.SOURCE)
        if stage.is_doubtful:
            line = (
                f"{stage.folder.path} contains a restore that was started with another password, "
                f"and there is no {self._want} with files of {path}: correct the Secret, or "
                f"remove that folder"
            )
            raise RunEnded(Status.FAILURE, line, Failure.SOURCE)
        return None

    def _take(self, stage: Staging, kept: Snapshot) -> bool:
        """Restore the volume's files from this snapshot; return whether it has any."""
        stage.begin(kept.id)
        self._log.line("info", f"{stage.volume}: restoring from {kept}")
        put = self._executor.follow(restore_folder.folder(kept, str(stage.volume), stage.files))
        if put is None:
            return False
        self._verify(stage, kept, put)
        if self._stop.asked:
            raise RunEnded(Status.INTERRUPTED, "stopped before completion")
        stage.gathered()
        what = text.counted(put.files, "file or folder", "files and folders")
        self._log.line("info", f"{stage.volume}: {what}, {size(put.bytes)}")
        return True

    def _verify(self, stage: Staging, kept: Snapshot, put: Put) -> None:
        """Verify that each file exists; raise RunEnded if one does not."""
        path = str(stage.volume)
        above, files = path.rpartition("/")[0], stage.files
        place = Place(above, files, stage.folder.folder("files"))
        found = verification.verify(self._executor, kept.id, place, (path,), put.errors)
        if kept.copies:
            place = place.inside_of(f"{kept.copies}{above}")
            copied = (f"{kept.copies}{path}",)
            found.add(
                verification.verify(
                    self._executor, kept.id, place, copied, put.errors, folders=False
                )
            )
        if found.failed:
            shown = [
                f"{file.removeprefix(files).lstrip('/')} {why}"
                for file, why in found.failed.items()
            ]
            for line in shown[:_NAMED]:
                self._log.line("error", f"not restored: {line}")
            line = f"{path} is not restored: {text.listed(shown)}"
            raise RunEnded(Status.FAILURE, line, verification.failure_of(found.failed.values()))
        if refused := [*found.devices, *found.refused]:
            # Nobody could grant it to this container, and the contents are all there.
            line = f"owners, devices or the like could not be restored: {text.listed(refused)}"
            self._log.line("warning", line)

    def _snapshots(self) -> list[Snapshot]:
        """Return the snapshots that may be restored, listed once."""
        if self._listed is None:
            self._listed = listed(self._config, self._executor, self._want)
            self._known = choice(self._config, self._want, self._listed)
            self._hand_over(self._listed)
        return self._known

    def _hand_over(self, found: list[Snapshot]) -> None:
        """Hand over to the sidecar what was read about this workload."""
        if _origin(self._config, self._want):
            return
        with suppress(OSError):
            handover.leave(Path(self._config.paths.state), self._config, found, time.time())


def listed(
    config: Config, executor: Executor, want: Wanted, *, by_hand: bool = False
) -> list[Snapshot]:
    """Return all snapshots of the requested owner, as restic lists them; raise RunEnded."""
    if config.mirrors:
        line = "only backup.engine restic restores automatically: copy a mirror back manually"
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
    if line := config.obstacle:
        raise RunEnded(Status.FAILURE, line, Failure.CONFIG)
    return executor.follow(restore_folder.known(want, by_hand=by_hand))


def choice(config: Config, want: Wanted, found: list[Snapshot]) -> list[Snapshot]:
    """Return what may be restored, in the order in which it is tried; raise RunEnded."""
    try:
        return selection.in_order(want, selection.snapshots(config, found))
    except LookupError as error:
        raise RunEnded(Status.FAILURE, str(error), Failure.CONFIG) from None


def _moment(want: Wanted, found: list[Snapshot]) -> datetime | None:
    """Return the time of the dumps that belong to the request; None for the latest."""
    for each in found if want.snapshot else ():
        if each.id.startswith(want.snapshot):
            return each.time if each.is_dated else None
    return want.at


def _origin(config: Config, want: Wanted) -> str:
    """Return the other workload of a snapshot as NAMESPACE/HOST; "" for this one."""
    if (want.host, want.tags) == (config.identity.host, config.identity.tags):
        return ""
    return f"{want.tags[0].removeprefix(NAMESPACE)}/{want.host}"
