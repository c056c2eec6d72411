"""The plugin's command line, beside a stand-in for the API server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubectl_backup.__main__ import main
from tests.kubectl_backup.api import Api, served


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


Backup = Callable[..., Said]


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
