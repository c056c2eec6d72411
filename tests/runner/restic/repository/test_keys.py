"""Of the keys that simultaneous inits left, the one that opens the repository stays alone."""

import json
from collections.abc import Sequence

import pytest

from runner.restic.repository import keys
from runner.steps.outcome import Failure
from runner.steps.questions import Names, Wait
from runner.steps.result import Completed
from runner.steps.step import RunEnded, Step
from tests.runner.config.workload import configured
from tests.runner.steps.conversation import ONE_KEY, failed, play

GOOD = "7c" + "0" * 62


class Repository:
    """Keys of which restic tries the first, or the only one that a hint fits; one opens it."""

    def __init__(self, *names: str, snapshots: str = "", local: bool = False) -> None:
        self.keys = [name.ljust(64, "0") for name in names]
        self.snapshots = snapshots
        self.local = local
        self.looks: list[str] = []
        self.removed: list[str] = []

    def prove(self) -> None:
        """Let the runner prove that there is one key."""
        where = "/repository" if self.local else "s3:s3.example.net/backups"
        run = keys.prove(configured(secret={"RESTIC_REPOSITORY": where}))
        answer: object = None
        while True:
            try:
                effect = run.send(answer)
            except StopIteration:
                return
            match effect:
                case Wait():
                    self.wait(effect)
                    answer = False
                case Names():
                    answer = self.keys if self.local else []
                case Step():
                    answer = self._answer(effect.argv)

    def wait(self, wait: Wait) -> None:
        """Let time pass, in which nothing happens."""

    def _answer(self, argv: Sequence[str]) -> Completed:
        hint = argv[argv.index("--key-hint") + 1] if "--key-hint" in argv else ""
        fitting = [key for key in self.keys if key.startswith(hint)]
        tried = fitting[0] if len(fitting) == 1 else self.keys[0]
        if argv[1] == "cat":
            self.looks.append(hint)
        if tried != GOOD:
            return failed(1, f"Fatal: config or key {tried} is damaged: verification failed")
        if argv[1:3] == ("key", "remove"):
            self.keys.remove(argv[3])
            self.removed.append(argv[3])
        listed = [{"id": key, "current": key == tried} for key in self.keys]
        return Completed(0, text=json.dumps(listed) if argv[1] == "key" else self.snapshots)


def test_one_key_is_left_alone() -> None:
    repository = Repository("7c")

    repository.prove()

    assert repository.looks == repository.removed == []


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize(
    "names",
    [
        ("7c", "12"),
        ("12", "7c"),
        ("7b", "7c"),
        ("12", "7a", "7b", "7c", "7d"),
        ("ff", "7b", "7c"),
    ],
)
def test_the_key_that_opens_the_repository_stays(names: tuple[str, ...], local: bool) -> None:
    """Also where ids begin alike."""
    repository = Repository(*names, local=local)

    repository.prove()

    assert repository.keys == [GOOD]
    assert len(repository.looks) <= 273


def test_nothing_is_removed_where_there_are_snapshots() -> None:
    repository = Repository("12", "7c", snapshots="4f8a1c2e9b")

    with pytest.raises(RunEnded, match="it has snapshots") as raised:
        repository.prove()

    assert raised.value.outcome.failure == Failure.CONFIG
    assert f"RESTIC_KEY_HINT={GOOD}" in raised.value.outcome.message
    assert repository.removed == []


@pytest.mark.parametrize("local", [True, False])
def test_all_keys_stay_where_none_opens_the_repository(local: bool) -> None:
    """A config that is damaged looks alike; the search for a key has an end."""
    repository = Repository("12", "34", local=local)

    with pytest.raises(RunEnded, match="no key opens it"):
        repository.prove()

    assert repository.removed == []
    assert len(repository.looks) <= 273


def test_a_repair_by_another_pod_is_kept() -> None:
    """All who find it wait differently long, and look again."""
    wrong = failed(1, f"Fatal: config or key {GOOD} is damaged: ciphertext verification failed")

    said, _ = play(keys.prove(configured()), [wrong, False, ONE_KEY])

    assert len(said) == 3


def test_a_concurrent_repair_by_another_pod_is_no_failure() -> None:
    """The repaired repository is in use: its snapshots are no reason to complain."""
    wrong = failed(1, f"Fatal: config or key {GOOD} is damaged: ciphertext verification failed")

    said, _ = play(keys.prove(configured()), [wrong, False, wrong, Completed(0), ONE_KEY, ONE_KEY])

    assert len(said) == 6


class Contended(Repository):
    """Another removes keys at the same time, for as many pauses of ours as are given."""

    def __init__(self, *names: str, pauses: int) -> None:
        super().__init__(*names)
        self.pauses = pauses
        self.waited: list[float] = []

    def wait(self, wait: Wait) -> None:
        """Let time pass; at the end the other one is done."""
        self.waited.append(wait.seconds)
        if len(self.waited) > self.pauses:
            self.keys = [GOOD]

    def _answer(self, argv: Sequence[str]) -> Completed:
        if argv[1:3] == ("key", "remove"):
            return failed(11, "Fatal: unable to create lock in backend: already locked")
        return super()._answer(argv)


def test_concurrent_repairs_back_off() -> None:
    repository = Contended("12", "34", "7c", pauses=2)

    repository.prove()

    _, second, third = repository.waited
    assert third == 2 * second > 0


def test_a_repair_that_never_completes_is_given_up() -> None:
    repository = Contended("12", "34", "7c", pauses=9)

    with pytest.raises(RunEnded, match="retrying") as raised:
        repository.prove()

    assert raised.value.outcome.failure == Failure.CONFIG
    assert len(repository.waited) == 5


@pytest.mark.parametrize(
    "word", ["Fatal: connection refused", "Fatal: wrong password or no key found"]
)
def test_other_failures_are_no_lost_race(word: str) -> None:
    with pytest.raises(RunEnded, match="cannot be opened"):
        play(keys.prove(configured()), [failed(1, word)])
