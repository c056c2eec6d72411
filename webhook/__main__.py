"""`backup-webhook`: wiring only."""

import webhook.requirements  # noqa: F401 -- first: says in one line what is missing

# isort: split
import sys

from webhook import cli


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit status."""
    return cli.run(arguments)


if __name__ == "__main__":
    sys.exit(main())
