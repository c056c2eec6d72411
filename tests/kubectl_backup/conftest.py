"""The plugin's command line, beside stand-ins for the API server."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubectl_backup.__main__ import main
from tests.kubectl_backup.api import Api, served
from tests.kubectl_backup.world import Stage, World


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Backup = Callable[..., Said]
Run = Callable[..., Said]
_KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
clusters:
- {name: here, cluster: {server: "URL"}}
contexts:
- {name: here, context: {cluster: here, user: me, namespace: prod}}
users:
- {name: me, user: {token: secret-token}}
"""


@pytest.fixture
def api() -> Api:
    """What the API server knows; nothing yet."""
    return Api()


@pytest.fixture
def kubeconfig(tmp_path: Path, api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A kubeconfig of two contexts, one of them for a server that is away."""
    path = tmp_path / "kubeconfig"
    with served(api) as url:
        path.write_text(f"""
apiVersion: v1
kind: Config
current-context: here
clusters:
- {{name: here, cluster: {{server: "{url}"}}}}
- {{name: away, cluster: {{server: "http://127.0.0.1:9"}}}}
contexts:
- {{name: here, context: {{cluster: here, user: me, namespace: prod}}}}
- {{name: away, context: {{cluster: away, user: me}}}}
users:
- {{name: me, user: {{token: secret-token}}}}
""")
        monkeypatch.setenv("KUBECONFIG", str(path))
        yield path


@pytest.fixture
def backup(kubeconfig: Path, capfd: pytest.CaptureFixture[str]) -> Backup:
    """`kubectl backup`, as somebody types it."""
    del kubeconfig

    def run(*words: str) -> Said:
        capfd.readouterr()
        code = main(list(words))
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    return run


class Clock:
    """Time that goes by when somebody waits, faster than they think."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += 20 * seconds


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The place of all worlds."""
    made = Stage()
    with served(made) as url:
        made.url = url
        yield made


@pytest.fixture
def run(
    stage: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Run:
    """`kubectl backup` in a world, as somebody types it; signals are theirs afterwards."""
    path = tmp_path / "kubeconfig"
    path.write_text(_KUBECONFIG.replace("URL", stage.url))
    monkeypatch.setenv("KUBECONFIG", str(path))
    # The stand-in needs no certificate, and reading all of the system's takes longer than a run.
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    before = {
        each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }

    def typed(world: World, *words: str) -> Said:
        stage.world = world
        capfd.readouterr()
        try:
            code = main(list(words))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    return typed
