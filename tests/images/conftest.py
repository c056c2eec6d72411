"""The images as they are built from this tree, unpacked once."""

import os
import subprocess

import pytest

from tests import needs
from tests.cluster.programs import images
from tests.cluster.settings import IMAGES, PROJECT, TOOLS
from tests.images import image
from tests.images.image import Image


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    """All images by the Dockerfile's names of them."""
    if os.environ.get("CLUSTER_TEST_EXTERNAL") == "1":
        needs.exception("own-images")
    packages = PROJECT / "tests/cluster/node/packages.sh"
    subprocess.run(["sh", str(packages), str(TOOLS)], check=True)
    images.build()
    folder = tmp_path_factory.mktemp("images")
    folder.chmod(0o755)
    return {
        name: image.unpack(IMAGES / f"{name}.tar", folder / name)
        for name in ("webhook", "sidecar", "sidecar-db")
    }


@pytest.fixture(params=("webhook", "sidecar", "sidecar-db"))
def every(request: pytest.FixtureRequest, built: dict[str, Image]) -> Image:
    """Each image in turn."""
    return built[request.param]


@pytest.fixture
def webhook(built: dict[str, Image]) -> Image:
    """The image that answers the API server."""
    return built["webhook"]


@pytest.fixture
def sidecar(built: dict[str, Image]) -> Image:
    """The image that is injected."""
    return built["sidecar"]


@pytest.fixture
def sidecar_db(built: dict[str, Image]) -> Image:
    """The image that is injected where databases are dumped."""
    return built["sidecar-db"]
