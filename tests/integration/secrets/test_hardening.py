"""What the runner's processes leave open to others: no core dump, no memory, no environment."""

import subprocess
from pathlib import Path

import pytest

from tests import needs
from tests.integration.backup.test_identities import Pod, pod  # noqa: F401 -- it is a fixture

_NO_CORE = "Max core file size        0                    0                    bytes"
# What a hook sees of itself, and of the runner that started it.
_LOOK = """
grep -h "Max core file size" /proc/self/limits /proc/$PPID/limits
cat /proc/self/oom_score_adj
nice
cat /proc/$PPID/environ >/dev/null && echo readable
ls /proc/$PPID/root/ >/dev/null && echo reachable
stat -c "owner %u" /proc/$PPID/environ
"""


@needs.root.mark
@pytest.mark.parametrize("who", ["1000", "root as a sidecar is"])
def test_no_process_dumps_core_or_is_read_by_its_own_user(pod: Pod, who: str) -> None:  # noqa: F811
    """And all goes as before: memory ends us first, the backup is made."""
    (pod.secret / "PRE_HOOK").write_text(f"({_LOOK}) >'{pod.root}/out/seen' 2>&1; true")

    for words in (("run",), ("status",)):
        done = pod.call(who, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "denied" not in done.stdout + done.stderr

    lines = (pod.root / "out" / "seen").read_text().splitlines()
    lines = [line.strip() for line in lines]
    assert lines[:4] == [_NO_CORE, _NO_CORE, "1000", "10"]
    assert not {"readable", "reachable"} & set(lines)
    assert lines[-1] == "owner 0"  # which is how the kernel shows it


def test_the_supervisor_and_its_children_dump_no_core(tmp_path: Path) -> None:
    """A shell, of which the runner is a child."""
    program = tmp_path / "backup-runner"
    look = f"grep 'Max core' /proc/self/limits >{tmp_path}/seen"
    program.write_text(f"#!/bin/sh\n{look}\nkill -TERM $PPID\n")
    program.chmod(0o755)
    script = Path(__file__).parents[3] / "runner" / "supervise.sh"

    subprocess.run(
        ("sh", "-c", f"ulimit -c unlimited 2>/dev/null; exec dash {script}"), check=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "BACKUP_STATE_DIR": str(tmp_path)}, timeout=60,
    )  # fmt: skip

    assert _NO_CORE in (tmp_path / "seen").read_text()
