"""Retention, prune, check and drills with real restic: due, in time, and where not wanted."""

import json
import subprocess
from pathlib import Path

from demo import app
from tests.cluster.workloads.s3 import serve
from tests.integration.sidecars import PASSWORD, Sidecar

ONLY_THE_LAST = {f"KEEP_{each}": "0" for each in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY")}
DUE: dict[str, object] = {"tasks": {}}  # what is weekly was never done, and is due


def _sidecar(root: Path, **changes: str) -> Sidecar:
    made = Sidecar(
        root, annotations={"backup.schedule": "@monthly"}, secret={**ONLY_THE_LAST, **changes}
    )
    app.write_files(made.volume)
    return made


def _make_due(sidecar: Sidecar) -> None:
    file = sidecar.path("/var/lib/backup") / "state.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | DUE))


def _statuses(sidecar: Sidecar) -> dict[str, str]:
    return {name: task["status"] for name, task in sidecar.status()["tasks"].items()}


def test_tasks_follow_a_successful_backup(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path)
    sidecar.back_up()
    assert _statuses(sidecar) == {
        "forget": "success", "prune": "", "check": "", "verify": "", "copy_prune": "",
    }  # fmt: skip
    (sidecar.volume / "index.md").write_text("new")
    _make_due(sidecar)

    sidecar.back_up()

    assert _statuses(sidecar) == dict.fromkeys(("forget", "prune", "check", "verify"), "success")
    assert "no errors were found" in sidecar.restic("check", "--read-data")


def test_a_damaged_repository_is_found_and_the_backup_still_counts(tmp_path: Path) -> None:
    sidecar = _sidecar(tmp_path)
    sidecar.back_up()
    _make_due(sidecar)
    pack = max(sidecar.repository.glob("data/*/*"), key=lambda path: path.stat().st_size)
    pack.unlink()

    ended = sidecar.back_up()

    assert ended["status"] == "success"
    check = sidecar.status()["tasks"]["check"]
    assert check["status"] == "failure"
    assert check["last_success"] is None


def test_an_append_only_repository_is_backed_up_without_maintenance(
    tmp_path: Path, append_only: str
) -> None:
    sidecar = _sidecar(tmp_path, RESTIC_REPOSITORY=append_only)
    sidecar.back_up()
    (sidecar.volume / "index.md").write_text("new")
    _make_due(sidecar)

    done = sidecar.run("backup-runner", "run")

    assert done.returncode == 0
    known = sidecar.status()
    assert known["append_only"] is True
    assert known["tasks"]["forget"]["status"] == "skipped"
    assert "append-only" in known["tasks"]["forget"]["message"]
    assert "prune" not in known["tasks"]
    assert known["tasks"]["check"]["status"] == "success"
    served = tmp_path / "served" / "snapshots"
    assert len([path for path in served.rglob("*") if path.is_file()]) == 2


def _copied(sidecar: Sidecar, second: dict[str, str]) -> list[str]:
    """Return the ids of the original snapshots that the second repository has copies of."""
    environment = {"PATH": sidecar._process_environment()["PATH"], **second}
    done = subprocess.run(
        ("restic", "--no-cache", "snapshots", "--json"),
        env=environment, text=True, capture_output=True, check=True,
    )  # fmt: skip
    return [each["original"] for each in json.loads(done.stdout)]


def test_snapshots_are_copied_to_a_second_repository(tmp_path: Path) -> None:
    second = {"RESTIC_REPOSITORY": str(tmp_path / "second"), "RESTIC_PASSWORD": "the other one"}
    sidecar = _sidecar(tmp_path, **{f"COPY_{key}": text for key, text in second.items()})

    sidecar.back_up()
    (sidecar.volume / "index.md").write_text("new")
    sidecar.back_up()

    assert _copied(sidecar, second) == [each["id"] for each in sidecar.snapshots()]
    assert _statuses(sidecar)["copy"] == "success"
    assert _statuses(sidecar)["copy_forget"] == "success"


def test_a_second_repository_that_fails_does_not_fail_the_backup(tmp_path: Path) -> None:
    (tmp_path / "second").write_text("no folder")
    sidecar = _sidecar(tmp_path, COPY_RESTIC_REPOSITORY=str(tmp_path / "second"))

    assert sidecar.back_up()["status"] == "success"

    assert sidecar.status()["tasks"]["copy"]["status"] == "failure"
    assert (tmp_path / "second").read_text() == "no folder"


def test_a_bucket_with_other_keys_gets_the_copies(tmp_path: Path) -> None:
    folder = tmp_path / "s3"
    folder.mkdir()
    with serve("127.0.0.1", folder) as s3:
        s3.make_bucket("offsite")
        sidecar = _sidecar(
            tmp_path,
            AWS_ACCESS_KEY_ID="not-these", AWS_SECRET_ACCESS_KEY="not-these-either",
            COPY_RESTIC_REPOSITORY=s3.repository("offsite"),
            COPY_AWS_ACCESS_KEY_ID=s3.key, COPY_AWS_SECRET_ACCESS_KEY=s3.secret,
        )  # fmt: skip

        sidecar.back_up()

        second = {
            "RESTIC_REPOSITORY": s3.repository("offsite"), "RESTIC_PASSWORD": PASSWORD,
            "AWS_ACCESS_KEY_ID": s3.key, "AWS_SECRET_ACCESS_KEY": s3.secret,
        }  # fmt: skip
        assert _copied(sidecar, second) == [each["id"] for each in sidecar.snapshots()]
