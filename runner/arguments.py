"""What the commands for restoring by hand take on the command line."""

import argparse

from runner.steps import DUMP_FILES


def restore(parser: argparse.ArgumentParser) -> None:
    """Add what `restore` takes."""
    parser.add_argument(
        "--at", default="", metavar="TIME",
        help="the newest snapshot of then or before: 2026-11-25T03:00:00Z, or all of 2026-11-25",
    )  # fmt: skip
    parser.add_argument("--snapshot", default="", metavar="ID", help="this snapshot, and no other")
    parser.add_argument(
        "--path", action="append", default=[], metavar="PATH",
        help="VOLUME/FOLDER/FILE or an absolute path below /backup; may be given more than once; "
        "without: all volumes",
    )  # fmt: skip
    parser.add_argument("--to", default="", metavar="DIR", help="restore into this folder")
    parser.add_argument(
        "--delete", action="store_true",
        help="delete files that are not in the snapshot, but for what backups leave out",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="print one JSON object, log to stderr")


def load(parser: argparse.ArgumentParser) -> None:
    """Add what `load` takes."""
    parser.add_argument(
        "name", nargs="?", default="", choices=("", *DUMP_FILES), metavar="NAME",
        help="postgres or mysql; needed where the pod has several dumps",
    )  # fmt: skip
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--at", default="", metavar="TIME", help="the newest dump of then or before, as in restore"
    )
    which.add_argument("--snapshot", default="", metavar="ID", help="this dump, and no other")
    parser.add_argument(
        "--from", default="", dest="origin", metavar="NAMESPACE/HOST",
        help="a dump of another workload",
    )  # fmt: skip
    parser.add_argument(
        "--replace",
        action="store_true",
        help="also where the server holds something: databases of PostgreSQL are renamed to "
        "NAME_before_TIME, tables of MySQL give way to those of the dump",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be loaded")
