"""Which context and namespace are meant, and what is said where none can be."""

from pathlib import Path

import pytest
from kubernetes import client

from kubectl_backup.cluster.errors import ClusterError
from kubectl_backup.cluster.kubeconfig import Where, read

_CONFIG = """
apiVersion: v1
kind: Config
current-context: shop
clusters:
- {name: eu, cluster: {server: "https://eu.example.com"}}
- {name: us, cluster: {server: "https://us.example.com"}}
users:
- {name: me, user: {token: secret-token}}
contexts:
- {name: shop, context: {cluster: eu, user: me, namespace: shop}}
- {name: wiki, context: {cluster: us, user: me, namespace: wiki}}
- {name: bare, context: {cluster: us, user: me}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig of three contexts; nothing else names one."""
    path = tmp_path / "config"
    path.write_text(_CONFIG)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return path


@pytest.mark.parametrize(
    ("context", "namespace", "expected", "server"),
    [
        ("", "", ("shop", "shop"), "https://eu.example.com"),
        ("", "prod", ("shop", "prod"), "https://eu.example.com"),
        ("wiki", "", ("wiki", "wiki"), "https://us.example.com"),
        ("wiki", "prod", ("wiki", "prod"), "https://us.example.com"),
        ("bare", "", ("bare", "default"), "https://us.example.com"),
    ],
)
def test_options_outrank_the_context_and_it_outranks_the_default(
    file: Path, context: str, namespace: str, expected: tuple[str, str], server: str
) -> None:
    configuration = client.Configuration()

    found = read(Where(str(file), context, namespace), configuration)

    assert (found, configuration.host) == (expected, server)


def test_the_option_outranks_the_variable_for_the_kubeconfig(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert read(Where(), client.Configuration()) == ("shop", "shop")

    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "gone"))
    assert read(Where(str(file)), client.Configuration()) == ("shop", "shop")


def test_the_context_that_does_not_exist_is_named(file: Path) -> None:
    with pytest.raises(ClusterError, match=r"gone.*set KUBECONFIG, --kubeconfig or --context$"):
        read(Where(str(file), "gone"), client.Configuration())


def test_where_nothing_names_a_file_the_usual_one_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / ".kube/config")
    )

    with pytest.raises(ClusterError) as said:
        read(Where(), client.Configuration())

    assert str(said.value) == (
        "kubeconfig ~/.kube/config: the file does not exist; "
        "set KUBECONFIG, --kubeconfig or --context"
    )
