"""`make demo`: the main job on this machine, with real parts; exit 1 where anything differs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import yaml

from contract.units import size
from demo import app, receiver, server, show, trees
from demo.kubelet import Container, Json
from demo.receiver import Receiver

Tree = dict[bytes, trees.Entry]

_PACE = {
    "BACKUP_POLL_SECONDS": "1",
    "BACKUP_INIT_SPREAD_SECONDS": "0",
    "BACKUP_INIT_SETTLE_SECONDS": "0",
}
_SHOWN_METRICS = (
    'backup_status{status="success"}',
    "backup_last_success_timestamp_seconds",
    "backup_added_bytes",
)
_NEXT = """
   Look at what a pod of yours would get:  .venv/bin/backup-webhook inject -f your-app.yaml
   Run every test:                         make test
   Read on:                                README.md
"""


def main() -> int:
    """Tell the story in a temporary folder; return the exit status."""
    started = time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="backup-demo-"))
    try:
        with receiver.running() as metrics:
            wrong = _story(root, metrics)
    except (OSError, RuntimeError) as error:
        show.say(f"\nThe demo stopped: {error}", "!")
        return 1
    finally:
        shutil.rmtree(root, ignore_errors=True)
    if wrong:
        show.say("\nThe restored files differ:", "!")
        for line in wrong:
            show.say(f"   {line}", "!")
        return 1
    show.say(f"\nEvery file came back as it was. ({time.monotonic() - started:.0f} s)", "+")
    show.say(_NEXT)
    return 0


def _story(root: Path, metrics: Receiver) -> list[str]:
    show.heading(1, f"A pod with one annotation is created ({app.MANIFEST.name})")
    patched = _admit(root)
    show.heading(2, "The injected container runs as its pod says, mounts mapped to folders")
    secret = {
        "RESTIC_REPOSITORY": str(root / "repository"),
        "RESTIC_PASSWORD": "only-for-this-demo",
        "PUSHGATEWAY_ENABLED": "true",
        "PUSHGATEWAY_URL": metrics.url,
    }
    # Not at its own minute, which may come in the middle of this.
    patched["metadata"]["annotations"]["backup.schedule"] = app.schedule()
    container = Container(root / "pod", patched, {"backup-env-configuration": secret}, _PACE)
    volume = container.path("/backup/data")
    app.write_files(volume)
    with container.running():
        first, last = _back_up_twice(container, volume)
        status = container.stop()
    if status:
        return [f"the container ended with status {status} on SIGTERM, not 0"]
    show.heading(5, "The volume is lost, and restored")
    _empty(volume)
    wrong = _restore(container, "latest", volume, last)
    wrong += _restore(container, _snapshots(container)[0]["short_id"], root / "as-of", first)
    show.say(f"   {len(first) + len(last)} entries of two snapshots compared: content, mode, time,")
    show.say("   owner, links and extended attributes")
    show.heading(6, "Results")
    _summary(container, metrics)
    return wrong


def _admit(root: Path) -> Json:
    pod = app.pod()
    with server.running(root) as webhook:
        show.say(f"   asked the webhook at https://127.0.0.1:{webhook.port}/mutate, by real TLS")
        response, patched = webhook.review(pod, app.NAMESPACE)
    show.say(f"   allowed: {response['allowed']}, {response['auditAnnotations']['reason']}\n")
    show.diff(*(yaml.safe_dump(p, sort_keys=False) for p in (pod, patched)))
    # The API server makes the name after admission.
    patched["metadata"]["name"] = patched["metadata"]["generateName"] + "x7k2p"
    return patched


def _back_up_twice(container: Container, volume: Path) -> tuple[Tree, Tree]:
    first = trees.capture(volume)
    show.heading(3, "First backup (on SIGUSR1; the schedule would do it within the hour)")
    container.wait_for('"started"')
    container.signal(signal.SIGUSR1)
    _tell(container.wait_for("backup success"))
    container.wait_for("forget success")
    show.heading(4, "Files change; the annotation backup.run-now requests a second backup")
    app.change_files(volume)
    last = trees.capture(volume)
    container.annotate({"backup.run-now": "after the change"})
    _tell(container.wait_for("backup success"))
    return first, last


def _tell(line: str) -> None:
    said = json.loads(line)
    show.say(f"   {said['message']}, snapshot {said['snapshot']}, {said['seconds']:.1f} s")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _restic(container: Container, *words: str) -> str:
    """Run restic with only the Secret, as anyone could."""
    files = container.path("/etc/backup/secret").iterdir()
    secret = {path.name: path.read_text("utf-8") for path in files if path.is_file()}
    environment = {**secret, "PATH": os.environ["PATH"], "HOME": str(container.root)}
    command = ("restic", "--no-cache", *words)
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"restic {words[0]}: {done.stderr}")
    return done.stdout


def _restore(container: Container, snapshot: str, target: Path, expected: Tree) -> list[str]:
    source = container.path("/backup/data")
    _restic(container, "restore", f"{snapshot}:{source}", "--target", str(target), "--sparse")
    # The folder itself is the volume's root; restic restores what is in it.
    restored = trees.capture(target)
    return trees.differences(
        {name: entry for name, entry in expected.items() if name != b"."},
        {name: entry for name, entry in restored.items() if name != b"."},
    )


def _snapshots(container: Container) -> list[Json]:
    found: list[Json] = json.loads(_restic(container, "snapshots", "--json"))
    return found


def _summary(container: Container, metrics: Receiver) -> None:
    values = metrics.metrics()
    runs = [line for line in container.log if '"backup success' in line]
    files = trees.totals(trees.capture(container.path("/backup/data")))
    repository = sum(f.stat().st_size for f in (container.root.parent / "repository").rglob("*"))
    kept = _snapshots(container)
    latest = kept[-1]
    due = datetime.fromtimestamp(values["backup_next_due_timestamp_seconds"], UTC)
    show.table(
        [
            ("runs", f"{len(runs)}, the last took {values['backup_duration_seconds']:.1f} s"),
            (
                "snapshots",
                f"{len(kept)}, host {latest['hostname']}, {' '.join(latest['tags'])}",
            ),
            ("volume", f"{files.files} files, {size(files.size_bytes)}"),
            ("repository", f"{size(repository)}, encrypted"),
            ("next run", f"{due:%Y-%m-%d %H:%M} UTC"),
            ("metrics", f"{len(values)} series pushed, such as"),
            *(("", f"{name} {values[name]:.0f}") for name in _SHOWN_METRICS),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
