"""Pods without state: what the repository, or the init container, knows, the first status says."""

import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract import names
from demo import app
from runner.config.model import Config
from runner.state import handover
from tests.integration.restore.restores import Start, lose, with_repository
from tests.integration.sidecars import PASSWORD, Json, Sidecar
from tests.runner.config.workload import configured

HANDOVER = names.HANDOVER_FILE


@pytest.fixture
def wiki(tmp_path: Path) -> Sidecar:
    """A sidecar with one good backup."""
    made = with_repository(Sidecar(tmp_path))
    app.write_files(made.volume)
    made.back_up()
    return made


def state_of(sidecar: Sidecar) -> Path:
    """Return the state folder."""
    return sidecar.path("/var/lib/backup")


def forget(sidecar: Sidecar) -> None:
    """Let the pod be made anew: the state folder is empty."""
    shutil.rmtree(state_of(sidecar))
    state_of(sidecar).mkdir()


def tick(sidecar: Sidecar, *words: str) -> list[Json]:
    """Run a tick, as the supervisor does; return its log."""
    done = sidecar.run("backup-runner", "tick", *words)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def shown(sidecar: Sidecar) -> str:
    """Return what `backup-runner status` shows people."""
    return sidecar.run("backup-runner", "status").stdout


def made(sidecar: Sidecar) -> str:
    """Return when the latest snapshot was made, as status writes it."""
    moment = datetime.fromisoformat(sidecar.snapshots()[-1]["time"]).astimezone(UTC)
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def tells_the_truth(sidecar: Sidecar) -> None:
    """Prove that status says of the last backup what the repository does, for all who read it."""
    known, said = sidecar.status(), shown(sidecar)
    assert (known["last_success"], known["last_success_known"]) == (made(sidecar), True)
    assert known["last"] is None
    assert "never" not in said
    assert "unknown" not in said
    published = json.loads((state_of(sidecar) / names.STATUS_FILE).read_text())
    assert published["last_success"] == known["last_success"]
    assert known["tasks"]["verify"]["last_success_known"] is False
    announced = (state_of(sidecar) / "next").stat().st_mtime
    assert abs(datetime.fromisoformat(known["next"]).timestamp() - announced) <= 1


def knows_nothing(sidecar: Sidecar) -> None:
    """Prove that status claims nothing."""
    known, said = sidecar.status(), shown(sidecar)
    assert (known["last_success"], known["last_success_known"]) == (None, False)
    assert "good since unknown yet" in said
    assert "never" not in said


@pytest.mark.parametrize("text", [None, "", '{"run_now": "", "attem', "[]", "\0" * 999])
def test_a_new_pod_reads_the_repository_in_its_first_tick(wiki: Sidecar, text: str | None) -> None:
    """Be its state not there, or damaged."""
    forget(wiki)
    if text is not None:
        (state_of(wiki) / "state.json").write_text(text)

    log = tick(wiki, "--start")

    tells_the_truth(wiki)
    assert log[0]["message"] == "started"
    assert "backup started" not in [line["message"] for line in log]
    assert wiki.status()["next"] > made(wiki)


def test_before_the_first_tick_the_status_is_unknown(wiki: Sidecar) -> None:
    forget(wiki)

    knows_nothing(wiki)
    assert "next run   unknown yet" in shown(wiki)


def test_a_workload_without_a_backup_has_status_never(tmp_path: Path) -> None:
    """Be there a repository yet or not: that is known once it has answered."""
    sidecar = Sidecar(tmp_path)
    for _ in range(2):
        forget(sidecar)
        tick(sidecar, "--start")

        known = sidecar.status()
        assert (known["last_success"], known["last_success_known"]) == (None, True)
        assert "good since never" in shown(sidecar)
        assert known["tasks"]["verify"]["last_success_known"] is True
        assert not (sidecar.repository / "config").exists() or known["last"] is None
        if not sidecar.repository.exists():
            with_repository(sidecar)


def _wrong_password(sidecar: Sidecar) -> None:
    sidecar.change_secret(RESTIC_PASSWORD="mistyped")


def _no_password(sidecar: Sidecar) -> None:
    del sidecar.secret["RESTIC_PASSWORD"]
    sidecar.change_secret()


def _unreachable(sidecar: Sidecar) -> None:
    sidecar.change_secret(RESTIC_REPOSITORY="rest:http://127.0.0.1:9/")


@pytest.mark.parametrize("spoil", [_wrong_password, _no_password, _unreachable])
def test_the_status_is_unknown_until_the_secret_is_correct(
    wiki: Sidecar, spoil: Callable[[Sidecar], None]
) -> None:
    """Asked once: another tick costs nothing; a changed Secret is looked at."""
    forget(wiki)
    spoil(wiki)

    log = tick(wiki, "--start")
    knows_nothing(wiki)
    assert "backup failure" not in json.dumps(log)
    assert [line for line in tick(wiki) if line["message"] != "status"] == []

    wiki.change_secret(RESTIC_PASSWORD=PASSWORD, RESTIC_REPOSITORY=str(wiki.repository))
    later = time.time() + 2
    os.utime(wiki.path("/etc/backup/secret"), (later, later))
    tick(wiki)
    tells_the_truth(wiki)


def test_a_run_that_fails_before_the_repository_is_read_keeps_the_status_unknown(
    wiki: Sidecar,
) -> None:
    forget(wiki)
    _wrong_password(wiki)

    wiki.back_up(expected=1)

    knows_nothing(wiki)
    assert "last run   2" in shown(wiki)


def test_the_init_container_hands_over_what_it_read(wiki: Sidecar) -> None:
    """Though the repository is gone by then; any user may read it, and it is used once."""
    truth = made(wiki)
    lose(wiki)
    forget(wiki)
    Start(wiki).run()
    file = state_of(wiki) / HANDOVER
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert PASSWORD not in file.read_text()
    away = wiki.repository.rename(wiki.repository.with_name("away"))

    tick(wiki, "--start")

    known = wiki.status()
    assert (known["last_success"], known["last_success_known"]) == (truth, True)
    assert not file.exists()
    away.rename(wiki.repository)
    tells_the_truth(wiki)
    assert wiki.back_up()["status"] == "success"


@pytest.mark.parametrize(
    ("variables", "empty"),
    [
        ({}, False),
        ({"BACKUP_RESTORE_FROM": "other/blog"}, True),
        ({"BACKUP_RESTORE": "never"}, True),
    ],
    ids=["nothing to restore", "another's backup", "no restore"],
)
def test_nothing_is_handed_over_where_nothing_of_this_workload_was_read(
    wiki: Sidecar, variables: dict[str, str], *, empty: bool
) -> None:
    """The first tick asks for itself then."""
    if empty:
        lose(wiki)
    forget(wiki)
    Start(wiki, **variables).run()
    assert not (state_of(wiki) / HANDOVER).exists()

    tick(wiki, "--start")

    tells_the_truth(wiki)


def _given(**changed: object) -> str:
    """Return a file that fits but for what is changed, and tells of a backup long ago."""
    now = datetime.now(UTC)
    old = {"time": (now - timedelta(days=900)).isoformat(), "tags": ["ns=prod"]}
    return json.dumps({
        "host": "wiki", "tags": ["ns=prod", "kind=Deployment", "workload=wiki"],
        "read": now.timestamp(), "snapshots": [old], **changed,
    })  # fmt: skip


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
GARBLED = {
    "empty": "",
    "half": _given()[:40],
    "no object": "[1]",
    "another host": _given(host="blog"),
    "other tags": _given(tags=["ns=prod"]),
    "tags of another kind": _given(tags="ns=prod"),
    "read tomorrow": _given(read=datetime.now(UTC).timestamp() + 86400),
    "read at no time": _given(read="now"),
    "read at NaN": _given().replace('"read": ', '"read": NaN, "was": '),
    "no list": _given(snapshots={"a": 1}),
    "no snapshots": _given(snapshots=[1, None]),
    "made tomorrow": _given(snapshots=[{"time": TOMORROW, "tags": []}]),
    "made at no time": _given(snapshots=[{"time": "soon", "tags": []}]),
    "made without a zone": _given(snapshots=[{"time": "2026-01-01T00:00:00", "tags": []}]),
    "no tags": _given(snapshots=[{"time": "2025-01-01T00:00:00Z", "tags": None}]),
    "odd summary": _given(snapshots=[{"time": "2025-01-01T00:00:00Z", "tags": [], "summary": 5}]),
    "deep": "[" * 100_000,
    "long": _given() + " " * (1 << 19),
    "no text": "\udcff\udcfe",
}


def _config() -> Config:
    return configured()


@pytest.mark.parametrize("text", GARBLED.values(), ids=GARBLED)
def test_an_invalid_handover_is_not_trusted(tmp_path: Path, text: str) -> None:
    """Nor does it stay."""
    file = tmp_path / HANDOVER
    file.write_bytes(text.encode("utf-8", "surrogateescape"))

    assert handover.take(tmp_path, _config(), time.time()) is None
    assert not file.exists()


def test_a_valid_handover_is_trusted(tmp_path: Path) -> None:
    (tmp_path / HANDOVER).write_text(_given())

    found = handover.take(tmp_path, _config(), time.time())

    assert found
    assert found[0].tags == ("ns=prod",)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "unreadable", "garbled"])
def test_without_a_valid_handover_the_first_tick_reads_the_repository(
    wiki: Sidecar, kind: str
) -> None:
    """And ends."""
    forget(wiki)
    file = state_of(wiki) / HANDOVER
    match kind:
        case "link":
            aim = wiki.root / "theirs"
            aim.write_text(_given())
            file.symlink_to(aim)
        case "pipe":
            os.mkfifo(file)
        case "folder":
            (file / "x").mkdir(parents=True)
        case "unreadable":
            file.write_text(_given())
            file.chmod(0)
            if os.geteuid() == 0:
                file.write_text("no JSON")  # to whom nothing is unreadable
        case _:
            file.write_text(_given(snapshots=[{"time": TOMORROW, "tags": []}]))

    tick(wiki, "--start")

    tells_the_truth(wiki)


def test_a_missed_slot_is_announced_for_its_catch_up(tmp_path: Path) -> None:
    """By status, and by what the supervisor goes by; it comes then."""
    sidecar = with_repository(Sidecar(tmp_path, pace={"BACKUP_CATCH_UP_SECONDS": "6"}))
    app.write_files(sidecar.volume)
    sidecar.back_up()
    file = state_of(sidecar) / "state.json"
    known = json.loads(file.read_text())
    file.write_text(json.dumps(known | {"attempted": known["attempted"] - 7200}))

    began = time.time()
    tick(sidecar, "--start")

    announced = (state_of(sidecar) / "next").stat().st_mtime
    assert began <= announced <= time.time() + 6
    said = datetime.fromisoformat(sidecar.status()["next"]).timestamp()
    assert said == int(announced)
    while time.time() < announced:
        time.sleep(0.05)
    log = tick(sidecar)
    assert '"why": "schedule"' in json.dumps(log)
    assert datetime.fromisoformat(sidecar.status()["next"]).timestamp() > time.time()
