"""What is in the images, what is not, and what they say of themselves."""

import re
from pathlib import Path

import pytest

from contract import VERSION
from tests.cluster.settings import PROJECT
from tests.images.container import output
from tests.images.image import Image

_COMMANDS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/backup/bin")
_MODULES = ("/usr/lib", "/usr/local/lib", "/opt/backup/lib")
_LIMITS = {"webhook": 90, "sidecar": 110, "sidecar-db": 150}  # MB, compressed


@pytest.mark.parametrize("name", _LIMITS)
def test_sizes_within_limits(built: dict[str, Image], name: str) -> None:
    assert built[name].size <= _LIMITS[name] * 1_000_000


@pytest.mark.parametrize("name", _LIMITS)
def test_labels_name_version_and_licence(built: dict[str, Image], name: str) -> None:
    labels = built[name].config["Labels"]
    suffix = "" if name == "webhook" else f"-{name}"

    assert labels["org.opencontainers.image.title"] == f"backup-webhook{suffix}"
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.description"]


def test_default_user_is_not_root(every: Image) -> None:
    assert every.config["User"] == "65532:65532"
    assert output(every, "id", "--user").strip() == "65532"


def test_ca_certificates_are_there(every: Image) -> None:
    script = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'])"
    assert int(output(every, "python3", "-c", script)) > 100


def test_time_zones_are_there(every: Image) -> None:
    script = "import zoneinfo; print(zoneinfo.ZoneInfo('America/Argentina/Ushuaia'))"
    assert output(every, "python3", "-c", script)


@pytest.mark.parametrize("tool", ["restic", "rclone"])
def test_restic_and_rclone_have_the_pinned_versions(sidecar: Image, tool: str) -> None:
    pins = (PROJECT / "tools/go.mod").read_text()
    pinned = re.search(rf"^\tgithub\.com/{tool}/{tool} v([\d.]+)\b", pins, re.MULTILINE)
    said = re.match(rf"{tool} v?([\d.]+)", output(sidecar, tool, "version"))

    assert pinned
    assert said
    assert said[1] == pinned[1]


def test_webhook_image_has_no_runner(webhook: Image) -> None:
    own = {"backup-webhook", "webhook", "certs", "contract", "kube"}
    others = {"backup-runner", "backup-supervise", "runner", "restic", "rclone"}

    assert _found(webhook, own | others) == own
    assert output(webhook, "backup-webhook", "--version").strip() == VERSION


@pytest.mark.parametrize("name", ["sidecar", "sidecar-db"])
def test_sidecar_images_have_no_webhook(built: dict[str, Image], name: str) -> None:
    own = {"backup-runner", "backup-supervise", "runner", "contract", "restic", "rclone"}
    others = {"backup-webhook", "webhook", "certs", "kube", "fastapi", "kubernetes"}

    assert _found(built[name], own | others) == own
    assert output(built[name], "backup-runner", "--version").strip() == VERSION


@pytest.mark.parametrize("client", ["psql", "pg_dump", "mariadb", "mariadb-dump", "redis-cli"])
def test_only_sidecar_db_has_the_clients_of_databases(built: dict[str, Image], client: str) -> None:
    assert output(built["sidecar-db"], client, "--version")
    assert not _found(built["sidecar"], {client})


def test_no_compiler_pip_or_package_cache_is_left(every: Image) -> None:
    compilers = {"as", "c++", "cc", "g++", "gcc", "go", "ld", "make", "rustc"}
    assert not _found(every, compilers | {"pip", "pip3", "setuptools", "wheel"})
    places = ("var/lib/apt/lists", "var/cache/apt", "var/log", "root/go", "src", "tmp", "wheels")
    assert not [file for place in (*places, "root/.cache") for file in _files(every, place)]


def test_scanners_find_packages_of_debian_and_of_python(every: Image) -> None:
    assert {"ca-certificates", "libc6", "python3-minimal", "tzdata"} <= every.packages()
    site = next(every.path("/opt/backup/lib").glob("python3.*/site-packages"))
    assert list(site.glob("cronsim-*.dist-info/METADATA"))
    assert list(site.glob(f"backup_webhook-{VERSION}.dist-info/METADATA"))


def test_copyright_files_of_debians_packages_are_there(every: Image) -> None:
    documents = every.path("/usr/share/doc")
    assert not [name for name in every.packages() if not (documents / name / "copyright").exists()]


def _found(image: Image, names: set[str]) -> set[str]:
    """Return those of the names that a command or a Python package of the image bears."""
    folders = [image.path(folder) for folder in _COMMANDS]
    for folder in map(image.path, _MODULES):
        folders += [*folder.glob("python3*"), *folder.glob("python3*/*-packages")]
    return {each.name for folder in folders if folder.exists() for each in folder.iterdir()} & names


def _files(image: Image, folder: str) -> list[Path]:
    return [path for path in image.path(folder).rglob("*") if path.is_file()]
