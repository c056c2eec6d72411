"""Prints what is found in the collections: `python -m tests.webhook.manifests.collections`."""

import sys
import tempfile
from pathlib import Path

from tests.webhook.manifests.collections.findings import Findings
from tests.webhook.manifests.collections.known import COLLECTIONS


def main() -> int:
    """Return 1 if a promise is broken."""
    broken: list[str] = []
    every = Findings()
    with tempfile.TemporaryDirectory() as folder:
        for name, files in COLLECTIONS.items():
            found = Findings()
            for file in files():
                found.add(file, Path(folder))
            print(f"\n{name}: {found.files} files, {found.pods} pods")
            for reason, number in found.reasons.most_common():
                print(f"  {number:5} {reason}")
            for said, number in found.said.most_common():
                print(f"        {number:5} {said}")
            every.files, every.pods = every.files + found.files, every.pods + found.pods
            every.reasons += found.reasons
            broken += found.broken
    print(f"\n{every.files} files, {every.pods} pods: {dict(every.reasons.most_common())}")
    print(*broken[:5], sep="\n", file=sys.stderr)
    print(f"{len(broken)} promises broken")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
