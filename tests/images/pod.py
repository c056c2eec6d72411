"""A pod that the webhook has injected, its container run from the image."""

import os
from pathlib import Path

from contract import names
from demo import app
from tests.images.container import Mount
from tests.images.image import Image
from tests.integration.sidecars import PACE, Sidecar

_REPOSITORY = "/repository"  # as the container sees it


class Pod:
    """The injected container's folders on this machine, and its variables."""

    def __init__(self, root: Path, image: Image) -> None:
        user = image.config["User"]
        given = {"RESTIC_REPOSITORY": _REPOSITORY}
        self._sidecar = Sidecar(root, annotations={"backup.run-as": user}, secret=given)
        self.security = self._sidecar.spec["securityContext"]
        self.command = self._sidecar.spec["command"]
        self.volume = self._sidecar.volume
        app.write_files(self.volume)
        self.repository = root / "repository"
        self.restored = root / "restored"
        for folder in (self.repository, self.restored):
            folder.mkdir()
            _give(folder, user)
        _give(self.volume, user)
        self.state = self._sidecar.path(names.STATE_DIR)
        self.state.chmod(0o777)  # as emptyDirs are

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What the pod's specification mounts, a repository, and a place to restore to."""
        return (
            Mount(self.repository, _REPOSITORY, writable=True),
            Mount(self.restored, "/restored", writable=True),
            *(
                Mount(self._sidecar.path(path), path, writable=not mount.get("readOnly", False))
                for mount in self._sidecar.spec["volumeMounts"]
                for path in (mount["mountPath"],)
            ),
        )

    @property
    def variables(self) -> dict[str, str]:
        """The container's environment."""
        root = str(self._sidecar.root)
        made = self._sidecar.environment()
        return {**PACE, **{key: text.removeprefix(root) for key, text in made.items()}}


def _give(folder: Path, user: str) -> None:
    """Give a folder with all in it to the user UID:GID."""
    uid, gid = map(int, user.split(":"))
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)
