"""The cluster that tests run against, and a namespace of its own for each test.

A cluster started by `make cluster` is used and left running; else one is started for the tests
and stopped after them. Environment of a run against a cluster of your own (kind, k3d, …):
  CLUSTER_TEST_EXTERNAL=1   use the cluster of KUBECONFIG, and kubectl from PATH
  CLUSTER_TEST_HOST         this machine's address as seen from its pods, for the tests' servers
  CLUSTER_TEST_REGISTRY     where its nodes get our images, as `make push REGISTRY=…` put them
  CLUSTER_TEST_APP_IMAGE    an image with a shell and coreutils
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.cluster.node import shared
from tests.cluster.node.cluster import Cluster
from tests.cluster.programs import images
from tests.cluster.programs.kubectl import Kubectl
from tests.cluster.programs.release import NAME, Release
from tests.cluster.workloads import apps
from tests.cluster.workloads.s3 import S3, serve


@dataclass(frozen=True)
class Target:
    """The cluster under test, ours or another, and what a test must know about it."""

    kubectl: Kubectl
    host: str  # where pods find servers that the test runs
    registry: str  # where nodes get our images
    app_image: str  # a shell and coreutils


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Target]:
    """A running cluster."""
    if os.environ.get("CLUSTER_TEST_EXTERNAL") == "1":
        target = _external()
    else:
        own: Cluster = request.getfixturevalue("own_cluster")
        own.start()
        target = _target(own.kubectl, own.host)
    with shared.use("namespace", lambda: True, lambda: _forget(target.kubectl)):
        yield target


def _forget(kubectl: Kubectl) -> None:
    """Remove the namespace that helm makes for the chart and leaves."""
    kubectl.within(NAME)("delete", "pod", "--all", "--grace-period=1")
    kubectl("delete", "namespace", NAME, "--ignore-not-found")


def _external() -> Target:
    program = shutil.which("kubectl")
    kubeconfig = os.environ.get("KUBECONFIG", str(Path.home() / ".kube/config"))
    if program is None or not Path(kubeconfig).exists():
        pytest.exit("CLUSTER_TEST_EXTERNAL needs kubectl on PATH and KUBECONFIG, one file", 4)
    kubectl = Kubectl(Path(program), Path(kubeconfig))
    return _target(kubectl, os.environ.get("CLUSTER_TEST_HOST", "127.0.0.1"))


def _target(kubectl: Kubectl, host: str) -> Target:
    return Target(
        kubectl,
        host,
        os.environ.get("CLUSTER_TEST_REGISTRY", images.REGISTRY),
        os.environ.get("CLUSTER_TEST_APP_IMAGE", images.APP),
    )


@pytest.fixture(scope="session")
def kubectl(cluster: Target) -> Kubectl:
    """The administrator's kubectl, bound to no namespace."""
    return cluster.kubectl


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[Kubectl]:
    """A kubectl bound to a fresh namespace (its `.namespace`), which is deleted after the test."""
    name = f"test-{uuid4().hex[:10]}"
    kubectl("create", "namespace", name)
    bound = kubectl.within(name)
    try:
        bound.wait("serviceaccount/default", "create")
        yield bound
    finally:
        # It goes while other tests run, which takes seconds.
        kubectl("delete", "namespace", name, "--wait=false")
        # Nothing can be created there any more; what runs need not use up its grace period.
        bound("delete", "pod", "--all", "--grace-period=1", "--wait=false")


@pytest.fixture(scope="session")
def kept_release(cluster: Target) -> Iterator[Release]:
    """The chart, installed with one replica, databases' clients, and defaults else."""
    values = {"registry": cluster.registry, "replicas": "1", "sidecar.dumps": "true"}
    made = Release(cluster.kubectl.within(NAME), values)

    def install() -> bool:
        made.uninstall()  # what a run that was broken off has left
        made.install()
        return True

    with shared.use("release", install, made.uninstall):
        yield made


@pytest.fixture(scope="module")
def release(kept_release: Release) -> Release:
    """The chart as above, also after the tests of a file that install it differently."""
    if not kept_release.is_installed():
        kept_release.install()
    return kept_release


@pytest.fixture
def changed(release: Release) -> Iterator[Release]:
    """The release, restored after a test that changes it."""
    yield release
    release.upgrade()


@pytest.fixture(scope="session")
def s3(cluster: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 server that pods reach."""
    with serve(cluster.host, tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def protected(namespace: Kubectl, release: Release, s3: S3) -> Kubectl:
    """A namespace that has opted in and has its Secret, with an empty bucket of its own."""
    del release  # it is enough that it is there
    assert namespace.namespace
    s3.make_bucket(namespace.namespace)
    protect(namespace, s3)
    return namespace


def protect(namespace: Kubectl, s3: S3, **labels: str) -> None:
    """Let a namespace opt in, and give it the Secret of its own bucket."""
    assert namespace.namespace
    apps.opted_in(namespace, **labels)
    apps.secret(
        namespace, s3.repository(namespace.namespace), AWS_ACCESS_KEY_ID=s3.key,
        AWS_SECRET_ACCESS_KEY=s3.secret,
    )  # fmt: skip
