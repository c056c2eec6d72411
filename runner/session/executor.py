"""The executor: the only way to restic, the Secret's hooks and all other effects of a run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from contract import exit_codes
from contract.secret import required_keys
from contract.text import printable
from runner.config.model import Config
from runner.databases.files import data_files
from runner.process import cgroup, files
from runner.process.environment import cache, variables
from runner.process.folders import ownership
from runner.process.folders.quota import Quota
from runner.process.log import Log
from runner.process.signals import Stop
from runner.process.streams import Streams
from runner.process.watchdog import Watch
from runner.restic.repository import opening
from runner.sandbox import bounds
from runner.sandbox.bounds import Bounds
from runner.session import opened
from runner.steps.listener import Listener
from runner.steps.questions import Ages, Count, Judge, Names, Wait
from runner.steps.result import Completed, answered, unread
from runner.steps.step import LARGEST, Step
from runner.volume.beneath import Folder

_GRACE = 10  # seconds between asking a command to stop and killing it
_LOOK = 0.5  # seconds between checks at a command that says nothing
_LONGEST = 1 << 16  # bytes of a line of a hook's; restic may list its snapshots in a longer one
_PROGRESS = 60  # seconds between progress lines in the log
_FOR_PEOPLE = {"restore", "dump"}  # commands of restic that write files of any size
_UNCACHED = "restic's cache cannot be used; restic runs without it, more slowly"

T = TypeVar("T")


class Executor:
    """Executes the effects that a run yields, one at a time."""

    def __init__(
        self, config: Config, log: Log, stop: Stop, progress: float = _PROGRESS, *,
        hurry: bool = False,
    ) -> None:  # fmt: skip
        self._config = config
        self._log = log
        self._stop = stop
        self._progress = progress
        self._hurry = hurry  # a user waits, and nothing else runs
        self._uncached = False
        self._folders: tuple[Folder, ...] = ()

    @contextmanager
    def only_into(self, *folders: Folder) -> Iterator[None]:
        """Hand these open folders to commands, which write nowhere else but to our own state."""
        before, self._folders = self._folders, folders
        try:
            yield
        finally:
            self._folders = before

    def follow(self, run: Generator[Any, Any, T]) -> T:
        """Carry a run through to its end and return its result."""
        answer: Any = None
        while True:
            try:
                effect = run.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # StopIteration is not generic
            match effect:
                case Wait():
                    answer = self._wait(effect)
                case Count():
                    answer = {path: files.files(path) for path in effect.paths}
                case Ages():
                    answer = files.written(effect.folder)
                case Names():
                    answer = files.names_in(effect.folder)
                case Judge():
                    answer = data_files.judged(self._config, effect.name, effect.sources)
                case _:
                    answer = self.execute(effect)

    def _wait(self, wait: Wait) -> bool:
        self._log.line("info", f"waiting {wait.seconds:.0f} s {wait.why}")
        return self._stop.wait(wait.seconds)

    def execute(self, step: Step, *, with_secret: bool = True) -> Completed:
        """Run one command to its end; it is stopped with us, and where it retries forever.

        Where the password may or may not end in a newline, both are tried.
        """
        if not with_secret:
            return self._execute(step)
        return opened.by(self._config, self._log, step, self._execute)

    def _execute(self, step: Step, given: Mapping[str, str] | None = None) -> Completed:
        """Run a command with the Secret and the ``given`` variables, or without both."""
        if self._stop.asked and not step.always:
            return Completed(exit_codes.INTERRUPTED, stopped="signal")
        ownership.claim(ownership.scratch(self._config.paths.state))  # restic does not make it
        target = None if given is None else step.target
        made = variables.of(
            self._config, target, self._log, hurry=self._hurry, databases=step.hook or step.logs_in
        )
        if given is not None:
            made |= given
            argv = step.given(self._config.repository.options.every)
            step = replace(step, argv=variables.without_cache(argv, made))
        done = self._run(step, made)
        if done.cache and "--no-cache" not in step.argv:
            cache.discard(made[variables.CACHE], done.cache)
            left = max(1, step.limit - done.seconds) if step.limit else 0
            argv = variables.without_cache(step.argv, made)
            done = self._run(replace(step, argv=argv, limit=left), made)
        why = cache.why_not(made[variables.CACHE])
        if why and not self._uncached:
            self._uncached = True
            self._log.line("warning", f"{_UNCACHED}: {why}")
        if step.lists and (line := unread(done)):
            self._log.line("warning", f"restic's list is incomplete: {line}")
        return answered(done) if step.lists else done

    def _run(self, step: Step, made: Mapping[str, str]) -> Completed:
        if self._config.commands.debug:
            shown = [self._config.mask(word) for word in step.argv]  # of hooks, the Secret's own
            self._log.line("debug", f"{step.name} starts", argv=shown)
        try:
            with cgroup.writing(0 if step.hook else step.largest):
                process = self._started(step.argv, made)
        except (OSError, ValueError) as error:  # a NUL among its words is a ValueError
            why = getattr(error, "strerror", None) or str(error)
            line = f"{step.argv[0]} cannot be started: {why}"
            return Completed(exit_codes.NOT_STARTED, tail=(line,))
        with process:
            return self._listen(process, step, made[variables.CACHE])

    def _started(self, argv: tuple[str, ...], made: Mapping[str, str]) -> subprocess.Popen[bytes]:
        descriptors = [folder.descriptor for folder in self._folders]

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=made,
                start_new_session=True,  # so that a signal reaches a hook's own children too
                pass_fds=descriptors,
            )

        if not descriptors:
            return start()
        within = Bounds(
            folders=tuple(descriptors),
            paths=(self._config.paths.state, made["TMPDIR"], made[variables.CACHE], "/dev"),
            hidden=self._config.paths.volumes,
            read=(made.get("RESTIC_REPOSITORY", "").removeprefix("local:"),),
        )
        return bounds.confined(start, within)

    def _listen(self, process: subprocess.Popen[bytes], step: Step, folder: str) -> Completed:
        mask = self._config.mask
        listener = Listener(hear=step.hear, brief=step.hook, cache=folder, mask=mask)
        started = told_at = time.monotonic()
        quota = Quota(self._config.paths.state)
        watch = Watch(step, self._stop, self._config.timing.open_timeout, started, quota)
        stopped, kill_at = "", 0.0
        lines = Streams(process, _LONGEST if step.hook else 0)
        while lines.read(_LOOK, listener):
            now = time.monotonic()
            if not stopped:
                stopped = watch.reason_to_stop(now, listener)
                if stopped:
                    _signal(process, signal.SIGTERM)
                    kill_at = now + _GRACE
            elif now > kill_at:
                _signal(process, signal.SIGKILL)
            if listener.progress and now - told_at > self._progress:
                told_at = now
                self._tell(step, listener.progress)
        done = listener.completed(process.wait(), stopped)
        done = replace(done, seconds=time.monotonic() - started)
        if self._config.commands.debug:
            self._log.line("debug", f"{step.name} ended", exit_code=done.code, said=done.tail)
        return done

    def _tell(self, step: Step, progress: dict[str, Any]) -> None:
        self._log.line(
            "info",
            f"{step.name}: {progress.get('percent_done', 0):.0%}",
            files_done=progress.get("files_done", progress.get("files_restored", 0)),
            bytes_done=progress.get("bytes_done", progress.get("bytes_restored", 0)),
            seconds_remaining=progress.get("seconds_remaining"),
        )

    def replace_us(self, words: tuple[str, ...], target: str) -> int:
        """Become restic with these arguments; return an exit status only if that fails."""
        given = opened.by_hand(self._config, words, opening.look(target), self.execute)
        ownership.claim(ownership.scratch(self._config.paths.state))  # restic does not make it
        made = variables.of(self._config, target, self._log, hurry=self._hurry) | given
        del made["RESTIC_PROGRESS_FPS"]  # it is for our log
        options = self._config.repository.options.every
        argv = variables.without_cache(("restic", *options, *words), made)
        if why := cache.why_not(made[variables.CACHE]):
            print(printable(f"{_UNCACHED}: {why}"), file=sys.stderr)
        if not _FOR_PEOPLE & set(words):
            cgroup.file_size(LARGEST)
        try:
            os.execvpe("restic", argv, made)  # noqa: S606, S607 -- no shell
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            print(printable(f"restic cannot be started: {why}"), file=sys.stderr)
        return 1


def by_hand(config: Config, log: Log, words: tuple[str, ...], *, second: bool = False) -> int:
    """Become restic with the Secret's repository and password; return 1 if that is impossible."""
    why = config.obstacle
    if config.mirrors:
        why = "backup.engine is rclone: this workload has a mirror, not a restic repository"
    if second and config.repository.second is None:
        missing = f"no second repository is configured: {required_keys.SECOND_REPOSITORY}"
        missing = f"{missing} {required_keys.NOT_SET}"
        why = config.commands.confined.second or missing
    if why:
        print(printable(why), file=sys.stderr)
        return 1
    lower_priority()
    return Executor(config, log, Stop()).replace_us(words, "second" if second else "")


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def lower_priority() -> None:
    """Let the app go first."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 10)
