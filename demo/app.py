"""The example app: its pod as the API server gets it, and the files that it keeps."""

import os
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

NAMESPACE = "demo"
MANIFEST = Path(__file__).parent.parent / "manifests/examples/wiki.yaml"

TEMPLATE_HASH = "6c9f7b7d5"
_AN_OLD_TIME = 1_600_000_000_123_456_789  # nanoseconds since the epoch


def pod() -> dict[str, Any]:
    """Return the pod that the Deployment's ReplicaSet creates."""
    documents = list(yaml.safe_load_all(MANIFEST.read_text()))
    deployment = next(d for d in documents if d["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    name = f"{deployment['metadata']['name']}-{TEMPLATE_HASH}"
    metadata = {
        **template["metadata"],
        "generateName": f"{name}-",
        "namespace": NAMESPACE,
        "labels": {**template["metadata"]["labels"], "pod-template-hash": TEMPLATE_HASH},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name, "controller": True}
        ],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def schedule() -> str:
    """Return an hourly schedule that comes due in half an hour: not while anybody looks on."""
    return f"{(datetime.now(UTC).minute + 30) % 60} * * * *"


def write_files(folder: Path) -> None:
    """Write what a wiki might keep, awkward names, links and modes included."""
    pages = folder / "pages"
    pages.mkdir(parents=True)
    for number in range(200):
        (pages / f"page {number}.md").write_text(f"# Page {number}\n" + "text\n" * number)
    (pages / "Grüße 'und' \"mehr\".md").write_text("names of all kinds\n")
    uploads = folder / "uploads"
    uploads.mkdir()
    (uploads / "photo.raw").write_bytes(random.Random(1).randbytes(5 << 20))  # noqa: S311 -- data
    os.link(uploads / "photo.raw", uploads / "same photo.raw")
    (folder / "latest").symlink_to("pages/page 199.md")
    (folder / "empty").mkdir(mode=0o700)
    secret = folder / "settings.ini"
    secret.write_text("[wiki]\nname = demo\n")
    secret.chmod(0o600)
    with (folder / "index.db").open("wb") as file:
        file.truncate(64 << 20)  # sparse
    os.utime(secret, ns=(_AN_OLD_TIME, _AN_OLD_TIME))


def change_files(folder: Path) -> None:
    """Edit, add, rename and delete files, as a day of use does."""
    (folder / "pages/page 0.md").write_text("# Page 0, edited\n")
    (folder / "pages/page new.md").write_text("# New\n")
    (folder / "pages/page 1.md").rename(folder / "pages/page one.md")
    (folder / "pages/page 2.md").unlink()
    (folder / "settings.ini").chmod(0o640)
