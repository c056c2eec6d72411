"""When a container is more than a sidecar, by what the kernel says of it."""

from pathlib import Path

import pytest

from runner.sandbox import rights

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "BACKUP_POD": "wiki-0"}
OURS = {"BACKUP_RESTORE_COMMANDS": ""}
READ, WRITTEN = "/ /backup/data ro,relatime", "/ /backup/data rw,relatime"
SUB = "/srv /backup/data/files ro"
NO_RIGHTS, READING = "0000000000000000", "0000000000000002"
RESTORERS = "000000000000001b"  # CHOWN, DAC_OVERRIDE, FOWNER, FSETID


def _proc(root: Path, mounts: list[str], capabilities: str) -> Path:
    lines = [f"1 0 8:1 {mount} - ext4 /dev/x rw" for mount in ["/ / ro", *mounts]]
    (root / "mountinfo").write_text("\n".join(lines) + "\n")
    (root / "status").write_text(f"Name:\tx\nCapEff:\t{capabilities}\nCapBnd:\tffffffffffffffff\n")
    return root


@pytest.mark.parametrize(
    ("environment", "mounts", "capabilities", "more"),
    [
        (POD, [READ], NO_RIGHTS, ""),
        (POD, [READ], READING, ""),
        (POD, [READ, SUB], READING, ""),
        (OURS, [READ], READING, ""),
        (POD, [], READING, ""),  # the maintenance job's
        (POD, [WRITTEN], NO_RIGHTS, "/backup/data is mounted read-write"),
        (OURS, [WRITTEN], NO_RIGHTS, "/backup/data is mounted read-write"),
        ({"BACKUP_POD": "wiki-0"}, [WRITTEN], NO_RIGHTS, "/backup/data is mounted read-write"),
        (POD, ["/ /backup rw"], NO_RIGHTS, "/backup is mounted read-write"),
        (POD, [READ, "/srv /backup/files rw"], NO_RIGHTS, "/backup/files is mounted read-write"),
        (POD, ["/ /backup/my\\040data rw"], NO_RIGHTS, "/backup/my data is mounted read-write"),
        (POD, [READ, WRITTEN], NO_RIGHTS, "/backup/data is mounted read-write"),  # over the other
        (POD, [WRITTEN, READ], NO_RIGHTS, ""),
        (POD, [READ, "/x /backup/data/deep rw"], NO_RIGHTS, ""),  # of the node, in a folder of it
        (POD, [READ], RESTORERS, "more capabilities"),
        (OURS, [READ], RESTORERS, "more capabilities"),
        (POD, [READ], "0000000000080002", "more capabilities"),
        ({}, [WRITTEN], "000001ffffffffff", ""),  # outside of a pod, somebody's own Secret
        ({"KUBERNETES_SERVICE_HOST": ""}, [WRITTEN], NO_RIGHTS, "read-write"),
    ],
)
def test_additional_rights_are_detected(
    tmp_path: Path, environment: dict[str, str], mounts: list[str], capabilities: str, more: str
) -> None:
    proc = _proc(tmp_path, mounts, capabilities)
    found = rights.beyond_a_sidecar(environment, proc=proc)

    assert more in found
    assert bool(found) == bool(more)


@pytest.mark.parametrize("environment", [POD, OURS])
def test_unknown_rights_in_a_pod_count_as_additional(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    assert "is unknown" in rights.beyond_a_sidecar(environment, proc=tmp_path)
    _proc(tmp_path, [READ], NO_RIGHTS)
    (tmp_path / "status").unlink()
    assert "more capabilities" in rights.beyond_a_sidecar(environment, proc=tmp_path)
    (tmp_path / "mountinfo").write_text("no list of mounts\n")
    assert "is unknown" in rights.beyond_a_sidecar(environment, proc=tmp_path)


def test_a_process_that_restores_volumes_always_has_additional_rights(tmp_path: Path) -> None:
    assert rights.beyond_a_sidecar({}, fills=True, proc=tmp_path)


def test_a_restore_in_place_has_additional_rights_where_folders_are_writable(
    tmp_path: Path,
) -> None:
    """Also where they are no mounts, as of a pod without volumes of its own."""
    (tmp_path / "volumes" / "data").mkdir(parents=True)
    proc = _proc(tmp_path, [], NO_RIGHTS)
    given = {"BACKUP_POD": "wiki-0", "BACKUP_VOLUMES_DIR": str(tmp_path / "volumes")}

    assert rights.beyond_a_sidecar(given, writes=True, proc=proc).endswith("data is writable")
    assert rights.beyond_a_sidecar(given, proc=proc) == ""
    outside = {key: given[key] for key in given if key != "BACKUP_POD"}
    assert rights.beyond_a_sidecar(outside, writes=True, proc=proc) == ""
