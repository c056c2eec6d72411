"""A volume is judged by its own mount, not by one whose name begins the same."""

from pathlib import Path

import pytest

from runner.sandbox import rights


def more(root: Path, *mounts: str) -> str:
    """Return what makes a container with these mounts more than a sidecar."""
    lines = [f"1 0 8:1 / {mount} - ext4 /dev/x rw" for mount in ("/ ro", *mounts)]
    (root / "mountinfo").write_text("\n".join(lines) + "\n")
    (root / "status").write_text("CapEff:\t0000000000000000\n")
    return rights.beyond_a_sidecar({rights.IN_A_POD: "10.0.0.1"}, proc=root)


def test_data2_is_not_inside_data(tmp_path: Path) -> None:
    found = more(tmp_path, "/backup/data ro", "/backup/data2 rw")

    assert found == "/backup/data2 is mounted read-write"


def test_backup2_is_not_of_the_volumes(tmp_path: Path) -> None:
    assert more(tmp_path, "/backup/data ro", "/backup2 rw") == ""


@pytest.mark.parametrize("option", ["rw,errors=remount-ro", "rw,norelatime", "rw,prot"])
def test_an_option_that_contains_ro_is_not_read_only(tmp_path: Path, option: str) -> None:
    assert more(tmp_path, f"/backup/data {option}") == "/backup/data is mounted read-write"
