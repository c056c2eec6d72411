"""A real Alertmanager that hands each alert on at once."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from demo.ports import free_port
from tests.services import server
from tests.services.programs import need

_PACKAGED = b"/usr/share/prometheus/alertmanager"


def _here(program: Path, folder: Path) -> Path:
    """Return a copy that finds its templates though it was never installed.

    Debian's build knows their folder, and no option changes it; ours is the one that it runs in,
    written as long.
    """
    templates = program.parents[1] / "share" / "prometheus" / "alertmanager"
    for template in templates.glob("*.tmpl"):
        shutil.copy(template, folder)
    running_in = b"./" * (len(_PACKAGED) // 2) + b"." * (len(_PACKAGED) % 2)
    copy = folder / program.name
    copy.write_bytes(program.read_bytes().replace(_PACKAGED, running_in))
    copy.chmod(0o755)
    return copy


@contextmanager
def serve(folder: Path, webhook: str) -> Iterator[str]:
    """Serve on a free port of loopback to the end of the block; give HOST:PORT.

    ``webhook`` is the URL that it posts to. Raises WorkError where it does not start.
    """
    config = folder / "alertmanager.yml"
    config.write_text(yaml.safe_dump({
        "route": {
            "receiver": "ntfy", "group_by": ["alertname", "namespace", "instance", "host"],
            "group_wait": "0s", "group_interval": "1s",
        },
        "receivers": [{"name": "ntfy", "webhook_configs": [{"url": webhook}]}],
    }))  # fmt: skip
    port = free_port()
    # Its templates are looked for in this folder, see _here.
    argv = (
        "sh", "-c", 'cd "$0" && exec "$@"', folder,
        _here(need("alertmanager"), folder), f"--config.file={config}",
        f"--storage.path={folder / 'am'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=warn",
    )  # fmt: skip
    with server.running("Alertmanager", argv, port, folder / "alertmanager.log"):
        yield f"127.0.0.1:{port}"
