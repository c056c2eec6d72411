"""A newline after the password, as `echo word | base64` makes it: whichever opens is found out."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.repository import sealing
from tests.integration.maintenance.job import Job, messages
from tests.integration.restore.restores import Start, lose, tree
from tests.integration.sidecars import Json, Sidecar

WORD = "correct horse"
ENDS = ["\n", "\r\n"]


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A repository for each password, which opens at once; most have the newline in it."""
    folder = tmp_path_factory.mktemp("created")
    made = {}
    for number, end in enumerate(("", *ENDS)):
        made[end] = folder / str(number)
        sealing.make_quick(made[end], WORD + end)
    return made


def opens(repository: Path, password: str) -> bool:
    """Return whether restic opens a repository with this very password."""
    argv = ("restic", "cat", "config", "--no-cache", "--no-lock", "-q")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(repository),
        "RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": password,
    }  # fmt: skip
    return not subprocess.run(argv, env=environment, capture_output=True, check=False).returncode


def keys(repository: Path) -> list[str]:
    """Return the ids of a repository's keys."""
    return sorted(path.name for path in (repository / "keys").iterdir())


def problems(sidecar: Sidecar) -> list[str]:
    """Return the problems that name the newline."""
    return [each for each in sidecar.status()["problems"] if "newline" in each]


def starts(sidecar: Sidecar) -> list[Json]:
    """Back up; return the commands that were started for it, as DEBUG logs them."""
    done = sidecar.run("backup-runner", "run")
    assert done.returncode == 0, done.stdout
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [line for line in lines if line["message"].endswith(" starts")]


@pytest.mark.parametrize("end", ENDS, ids=ascii)
@pytest.mark.parametrize("volume", [True, False])
def test_a_new_repository_opens_with_the_password_that_people_read(
    sidecar: Sidecar, end: str, *, volume: bool
) -> None:
    """Whether the Secret is mounted or in the environment alone."""
    sidecar.change_secret(RESTIC_PASSWORD=WORD + end)
    if not volume:
        sidecar._extra = {**sidecar._extra, "BACKUP_SECRET_DIR": "/nowhere"}
        sidecar._secrets = {"backup-env-configuration": sidecar.secret}
        sidecar.spec["envFrom"][0].pop("prefix", None)

    sidecar.back_up()

    assert opens(sidecar.repository, WORD)
    assert not opens(sidecar.repository, WORD + end)
    (problem,) = problems(sidecar)
    assert problem.startswith("Secret variable RESTIC_PASSWORD: ends with a newline, as `echo")
    assert problem.endswith("using the password without it")
    assert WORD not in problem


@pytest.mark.parametrize("end", ENDS, ids=ascii)
def test_a_repository_that_was_created_with_the_newline_still_opens(
    sidecar: Sidecar, created: dict[str, Path], end: str
) -> None:
    """By every command; it is said with the cure, which the next command shows to be one."""
    shutil.copytree(created[end], sidecar.repository)
    before = keys(sidecar.repository)
    sidecar.change_secret(RESTIC_PASSWORD=WORD + end)

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("opens only with it") == 1
    assert keys(sidecar.repository) == before
    (problem,) = problems(sidecar)
    assert "the repository opens only with it" in problem
    for words in (["snapshots", "--json"], ["--", "stats"], ["check", "-q"]):
        by_hand = sidecar.run("backup-runner", "restic", *words)
        assert (by_hand.returncode, by_hand.stderr) == (0, ""), words
    for command in ("verify", "check", "prune", "unlock", "run"):
        assert sidecar.run("backup-runner", command).returncode == 0, command
    assert sidecar.run("backup-runner", "restore", "--dry-run", "--json").returncode == 0

    cure = problem.split("`backup-runner ")[1].split("`")[0].split()
    cured = sidecar.run("backup-runner", *cure)

    assert cured.returncode == 0, cured.stderr
    assert opens(sidecar.repository, WORD)
    assert sidecar.run("backup-runner", "run").returncode == 0
    assert "using the password without it" in problems(sidecar)[0]
    sidecar.change_secret(RESTIC_PASSWORD=WORD)
    sidecar.back_up()
    assert problems(sidecar) == []
    assert len(keys(sidecar.repository)) == 2


def test_the_fallback_costs_one_more_command_once(
    sidecar: Sidecar, created: dict[str, Path]
) -> None:
    """State remembers which password opened, for a day."""
    shutil.copytree(created["\n"], sidecar.repository)
    sidecar.change_secret(RESTIC_PASSWORD=f"{WORD}\n", DEBUG="true")
    first = starts(sidecar)
    second = starts(sidecar)
    shutil.rmtree(sidecar.path("/var/lib/backup") / "cache")
    file = sidecar.path("/var/lib/backup") / "opened.json"
    os.utime(file, (1, 1))
    third = starts(sidecar)

    names_of = [[line["message"] for line in each] for each in (first, second, third)]
    assert first[0]["argv"] == first[1]["argv"]
    assert names_of[1] == ["backup starts"]
    assert names_of[2] == ["backup starts", "backup starts"]
    assert file.stat().st_mode & 0o444 == 0o444


def test_a_password_that_is_wrong_with_and_without_is_wrong(
    sidecar: Sidecar, created: dict[str, Path]
) -> None:
    """And no repository is created in place of the one that does not open."""
    shutil.copytree(created[""], sidecar.repository)
    before = keys(sidecar.repository)
    sidecar.change_secret(RESTIC_PASSWORD="another\n")

    ended = sidecar.back_up(expected=1)

    assert ended["class"] == "auth"
    assert "wrong password or no key found" in ended["message"]
    assert keys(sidecar.repository) == before


def test_a_replacement_of_a_repository_with_the_newline_is_created_without_it(
    sidecar: Sidecar, created: dict[str, Path]
) -> None:
    """What is remembered of the old one counts for none that is new."""
    shutil.copytree(created["\n"], sidecar.repository)
    sidecar.change_secret(RESTIC_PASSWORD=f"{WORD}\n")
    sidecar.back_up()
    shutil.rmtree(sidecar.repository)
    (sidecar.path("/var/lib/backup") / "state.json").unlink()

    sidecar.back_up()

    assert opens(sidecar.repository, WORD)
    assert not opens(sidecar.repository, f"{WORD}\n")
    assert "using the password without it" in problems(sidecar)[0]


@pytest.mark.parametrize("first", ["", "\n"], ids=ascii)
@pytest.mark.parametrize("second", ["", "\n"], ids=ascii)
@pytest.mark.parametrize("own", [True, False])
def test_each_of_two_repositories_opens_with_its_own_form_of_the_password(
    sidecar: Sidecar, created: dict[str, Path], first: str, second: str, *, own: bool
) -> None:
    """Whether the second has a password of its own or the first's."""
    copy = sidecar.root / "second"
    shutil.copytree(created[first], sidecar.repository)
    shutil.copytree(created[second], copy)
    given = {"COPY_RESTIC_PASSWORD": f"{WORD}\n"} if own else {}
    sidecar.change_secret(RESTIC_PASSWORD=f"{WORD}\n", COPY_RESTIC_REPOSITORY=str(copy), **given)

    sidecar.back_up()

    task = sidecar.status()["tasks"]["copy"]
    assert task["status"] == "success", task
    assert len(list((copy / "snapshots").iterdir())) == 1
    assert len(keys(copy)) == len(keys(sidecar.repository)) == 1
    said = " ".join(problems(sidecar))
    assert ("the repository opens only with it" in said) == bool(first)
    assert ("the second repository opens only with it" in said) == bool(second)
    if second:
        cure = said.split("`backup-runner restic --second")[1].split("`")[0].split()
        cured = sidecar.run("backup-runner", "restic", "--second", *cure)
        assert cured.returncode == 0, cured.stderr
        assert opens(copy, WORD)
    by_hand = sidecar.run("backup-runner", "restic", "--second", "snapshots", "--json")
    assert len(json.loads(by_hand.stdout)) == 1


def test_a_new_second_repository_is_created_without_it(
    sidecar: Sidecar, created: dict[str, Path]
) -> None:
    """Though the first one needs it."""
    copy = sidecar.root / "second"
    shutil.copytree(created["\n"], sidecar.repository)
    sidecar.change_secret(RESTIC_PASSWORD=f"{WORD}\n", COPY_RESTIC_REPOSITORY=str(copy))

    sidecar.back_up()

    assert opens(copy, WORD)
    assert sidecar.status()["tasks"]["copy"]["status"] == "success"


def test_a_volume_is_restored_from_a_repository_with_the_newline(
    sidecar: Sidecar, created: dict[str, Path]
) -> None:
    """Before its app starts, by a pod that knows nothing yet."""
    shutil.copytree(created["\n"], sidecar.repository)
    sidecar.change_secret(RESTIC_PASSWORD=f"{WORD}\n")
    sidecar.back_up()
    before = lose(sidecar)

    Start(sidecar).run()

    assert tree(sidecar.volume) == before


def test_the_maintenance_job_opens_a_repository_with_the_newline(
    tmp_path: Path, created: dict[str, Path]
) -> None:
    """Each of its pods finds it out anew."""
    job = Job(tmp_path, {"RESTIC_PASSWORD": f"{WORD}\n"})
    shutil.copytree(created["\n"], tmp_path / "repository")
    before = keys(tmp_path / "repository")

    for _ in range(2):
        said = messages(job.run())
        assert "opens only with it" in said

    assert keys(tmp_path / "repository") == before


@pytest.mark.parametrize("value", ["{}\n", "{}\r\n", " {}", "{} ", "\ufeff{}", "{}\n\n"], ids=ascii)
def test_other_whitespace_around_a_password_counts_and_is_named(
    sidecar: Sidecar, value: str
) -> None:
    """It may be meant."""
    sidecar.change_secret(RESTIC_PASSWORD=value.format(WORD))
    sidecar.back_up()

    used = value.format(WORD).removesuffix("\n").removesuffix("\r")
    assert opens(sidecar.repository, used)
    assert len(sidecar.status()["problems"]) == (2 if value.endswith("\n\n") else 1)
