"""Runs a pod's injected container on this machine: its command, environment and mounts.

What a kubelet would mount becomes folders below one root; nothing else is imitated.
"""

import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

Json = dict[str, Any]
Secrets = Mapping[str, Mapping[str, str]]

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_]*)\)")


class Container:
    """The container ``name`` of a pod, with its volumes as folders below ``root``.

    ``secrets`` maps names of Secrets to their variables; ``extra`` variables are for pace only.
    """

    def __init__(
        self,
        root: Path,
        pod: Json,
        secrets: Mapping[str, Mapping[str, str]],
        extra: Mapping[str, str],
    ) -> None:
        self.root = root
        self.pod = pod
        self.spec: Json = next(c for c in pod["spec"]["initContainers"] if c["name"] == "backup")
        self._secrets = secrets
        self._extra = extra
        self._process: subprocess.Popen[str] | None = None
        self.lines: Queue[str] = Queue()
        self.log: list[str] = []
        for mount in self.spec["volumeMounts"]:
            self.path(mount["mountPath"]).mkdir(parents=True, exist_ok=True)
        self.write_secrets(secrets)
        self.write_annotations()

    def path(self, inside: str) -> Path:
        """Return the folder or file that is ``inside`` in the container."""
        return self.root / inside.lstrip("/")

    def _volume(self, name: str) -> Json:
        volume: Json = next(v for v in self.pod["spec"]["volumes"] if v["name"] == name)
        return volume

    def write_secrets(self, secrets: Secrets) -> None:
        """Write each mounted Secret's variables as files, as the kubelet does on a change."""
        for mount in self.spec["volumeMounts"]:
            source = self._volume(mount["name"]).get("secret")
            if source:
                _publish(self.path(mount["mountPath"]), secrets.get(source["secretName"], {}))

    def annotate(self, annotations: Mapping[str, str]) -> None:
        """Change annotations of the running pod, as `kubectl annotate` does."""
        self.pod["metadata"]["annotations"] |= annotations
        self.write_annotations()

    def write_annotations(self) -> None:
        """Write the downward-API file of the pod's annotations."""
        lines = [
            f"{key}={_go_quoted(text)}\n"
            for key, text in self.pod["metadata"]["annotations"].items()
        ]
        for mount in self.spec["volumeMounts"]:
            if self._volume(mount["name"]).get("downwardAPI"):
                _publish(self.path(mount["mountPath"]), {"annotations": "".join(sorted(lines))})

    def environment(self) -> dict[str, str]:
        """Return the container's variables as the kubelet makes them, paths below ``root``."""
        variables: dict[str, str] = {}
        for source in self.spec.get("envFrom") or []:
            given = self._secrets.get(source["secretRef"]["name"], {})
            variables |= {source.get("prefix", "") + key: text for key, text in given.items()}
        for entry in self.spec["env"]:
            if "valueFrom" in entry:
                text = self._field(entry["valueFrom"]["fieldRef"]["fieldPath"])
            else:
                text = _expanded(entry["value"], variables)
            variables[entry["name"]] = self._below_root(text)
        return variables

    def _below_root(self, text: str) -> str:
        mounted = ("/backup", *(mount["mountPath"] for mount in self.spec["volumeMounts"]))
        inside = any(text == path or text.startswith(f"{path}/") for path in mounted)
        return str(self.path(text)) if inside else text

    def _field(self, path: str) -> str:
        fields = {
            "metadata.namespace": self.pod["metadata"].get("namespace", "default"),
            "metadata.name": self.pod["metadata"]["name"],
            "spec.nodeName": "node-1",
            "metadata.labels['apps.kubernetes.io/pod-index']": self.pod["metadata"]["name"].split(
                "-"
            )[-1],
        }
        return str(fields[path])

    def run(self, *command: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the container, as `kubectl exec` does; ``user`` needs root here."""
        return subprocess.run(
            command,
            env=self._process_environment(),
            text=True,
            errors="replace",
            capture_output=True,
            check=False,
            cwd="/",
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )

    def _process_environment(self) -> dict[str, str]:
        # Its programs are on this machine's PATH, and not where the image has them.
        return {**self.environment(), "PATH": os.environ["PATH"], **self._extra}

    @contextmanager
    def running(self) -> Iterator["Container"]:
        """Run the container's own command; at the end stop it as a kubelet does."""
        self.lines = Queue()  # what an earlier start said is not what this one says
        program, *words = self.spec["command"]
        self._process = subprocess.Popen(
            (Path(program).name, *words),
            env=self._process_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
        )
        reader = threading.Thread(target=self._read, args=(self._process,))
        reader.start()
        try:
            yield self
        finally:
            self.stop()
            reader.join()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            self.log.append(line)
            self.lines.put(line)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the container's first process."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self, grace: float = 120) -> int:
        """Send SIGTERM and wait at most ``grace`` seconds; return the exit status."""
        if self._process is None:
            raise RuntimeError("the container is not running")
        if self._process.poll() is None:
            self._process.terminate()
        try:
            status = self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return status

    def wait_for(self, text: str, seconds: float = 120) -> str:
        """Return the next line of the log that holds ``text``; raise TimeoutError."""
        try:
            while text not in (line := self.lines.get(timeout=seconds)):
                continue
        except Empty:
            said = "".join(self.log[-10:])
            raise TimeoutError(f"no {text!r} in the container's log:\n{said}") from None
        return line


def _publish(folder: Path, files: Mapping[str, str]) -> None:
    """Replace all files of a mounted volume immediately: a new folder, and a link that is moved."""
    versions = sorted(folder.glob("..v*"))
    fresh = folder / f"..v{len(versions) + 1:06}"
    fresh.mkdir()
    for name, text in files.items():
        (fresh / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    link = folder / "..new"
    link.symlink_to(fresh.name)
    link.rename(folder / "..data")
    for path in folder.iterdir():
        if not path.name.startswith("..") and path.name not in files:
            path.unlink()


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    def expand(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else variables.get(match[1], match[0])

    return _REFERENCE.sub(expand, text)


def _go_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped.replace(chr(9), chr(92) + "t")}"'
