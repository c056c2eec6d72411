"""SQLite databases in the volumes: which are copied, and which are backed up as they are."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from contract.annotations import quantity, settings, values
from contract.snapshots import COPIES
from contract.text import counted, listed
from runner.backup import folders
from runner.databases.sqlite import detect, remembered
from runner.databases.sqlite.detect import Detector
from runner.databases.sqlite.remembered import Version
from runner.process import excludes
from runner.restic.commands import literal
from runner.restic.left_out import Options
from runner.session.session import Session
from runner.steps.evaluate import Copies
from runner.steps.outcome import Failure, Outcome, Status
from runner.volume.globs import File

_BOUND = int(quantity.parse(values.SCRATCH_BOUND) / 2)  # bytes; the cache has the other half
_PARTLY = (
    "auto: there was no time to look at all folders; name the databases in backup.sqlite, or `off`"
)


@dataclass(slots=True)
class Databases:
    """Copies databases before a backup; ``resting`` are backed up as they are."""

    session: Session
    resting: dict[File, Version] = field(default_factory=dict)

    def copies(self, sources: list[str]) -> Copies:
        """Return consistent copies of the databases that backup.sqlite asks for."""
        config = self.session.config
        wanted = config.settings.get(settings.SQLITE) or ()
        if not wanted or config.mirrors:
            return Copies()
        anchored = {path: folders.root(config, path) for path in sources}
        if wanted == values.SQLITE_AUTO:
            return self._found(anchored)
        return self._copied(anchored, globs=list(wanted))

    def checked(self, outcome: Outcome) -> Outcome:
        """Return the outcome; a warning if a database was written while it was backed up."""
        written = sorted(
            file.path for file, before in self.resting.items() if detect.version(file) != before
        )
        if not written or not outcome.protected:
            return outcome
        line = f"written while they were backed up as files: {listed(written)}; the next run "
        line += "makes consistent copies of them"
        if outcome.status is Status.WARNING:
            return replace(outcome, message=f"{outcome.message}; {line}")
        return replace(outcome, status=Status.WARNING, message=line, failure=Failure.SOURCE)

    def _found(self, anchored: Mapping[str, str]) -> Copies:
        """Copy what is found and is not at rest."""
        state, now = self.session.config.paths.state, time.time()
        known = remembered.load(state, now)
        detector = Detector(known, self._left_out(), now)
        found = {
            file: detect.version(file)
            for source, anchor in anchored.items()
            for file in detector.find(source, anchor)
        }
        detector.forget_others()
        self.resting = {
            file: version
            for file, version in found.items()
            if version is not None and known.files.get(file.path) == version
            and remembered.is_old(version, now)
        }  # fmt: skip
        live = sorted(found.keys() - self.resting.keys())
        made = self._copied({}, files=live) if live else Copies()
        copied = set(made.excludes)
        known.settle({
            file.path: version
            for file, version in found.items()
            # What could not be copied is tried again; nothing is wrong with a large one.
            if version is not None
            and (file in self.resting or literal(file.path) in copied or version[2] > _BOUND)
        })  # fmt: skip
        remembered.save(state, known)
        if self.resting:
            number = counted(len(self.resting), "SQLite database")
            line = f"{number} not in use and unchanged since the last run: backed up without a copy"
            self.session.log.line("info", line)
        return made if detector.whole else replace(made, notes=(*made.notes, _PARTLY))

    def _left_out(self) -> Options:
        try:
            return excludes.today(self.session.config)
        except ValueError:
            return Options()  # restic judges them

    def _copied(
        self, anchored: Mapping[str, str], globs: list[str] | None = None,
        files: list[File] | None = None,
    ) -> Copies:  # fmt: skip
        from runner.databases.sqlite import copies as sqlite_copies  # noqa: PLC0415 -- imported only when needed: it costs memory

        session = self.session
        scratch = Path(session.config.paths.state, COPIES)
        made = sqlite_copies.copy_all(
            anchored, globs or [], scratch, _BOUND, lambda: session.stop.asked, files or []
        )
        for doubt in made.doubts:
            session.log.line("warning", doubt)
        count = len(made.excludes) // len(sqlite_copies.LEFT_OUT)
        session.log.line(
            "info", f"{counted(count, 'SQLite database')} copied", globs=globs or ["auto"]
        )
        return made
