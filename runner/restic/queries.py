"""Commands that only read a repository: lists, dumps and restores, as argv tuples. Pure."""

import dataclasses
from collections.abc import Callable
from typing import Any

from contract.workloads import predecessors
from runner.config.model import Config
from runner.restic import commands
from runner.restic.commands import literal
from runner.steps.step import Step

TAIL = 4096  # bytes at the end of a dump that are looked at before they are let through

_LIST = ("restic", "snapshots", "--json", "--no-lock")


def snapshots(config: Config, target: str = "") -> Step:
    """List this workload's snapshots."""
    return Step("snapshots", (*_LIST, *commands.mine(config)), target=target, lists=True)


def history(config: Config, target: str = "") -> Step:
    """List this workload's snapshots, and what may be its own under an earlier name.

    `snapshots.history` tells which are.
    """
    own = config.identity
    if not predecessors.are_possible(own.host, own.tags):
        return snapshots(config, target)
    return Step("snapshots", _of_scope(own.tags), target=target, lists=True)


def _of_scope(tags: tuple[str, ...]) -> tuple[str, ...]:
    return (*_LIST, "--tag", ",".join(predecessors.scope(tags)))


def contents(
    config: Config, snapshot: str, hear: Callable[[dict[str, Any]], None], limit: float
) -> Step:
    """Tell ``hear`` of everything in a snapshot."""
    argv = ("restic", "ls", "--json", "--retry-lock", commands.patience(config), snapshot)
    return Step("ls", argv, limit=limit, hear=hear)


def restore(
    config: Config, snapshot: str, target: str, names: str, limit: float, largest: int
) -> Step:
    """Restore the files that the file ``names`` lists, as on a machine that has no cache yet.

    None of them has more than ``largest`` bytes by the snapshot, and none gets more.
    """
    argv = (
        "restic", "restore", "--json", "--no-cache", "--retry-lock", commands.patience(config),
        *commands.mine(config), "--exclude-xattr", "*", "--include-file", names, "--target", target,
        snapshot,
    )  # fmt: skip
    return Step("restore", argv, limit=limit, largest=max(1, largest))


def snapshots_of(host: str, tags: tuple[str, ...]) -> Step:
    """List the snapshots of any workload; of one with all its tags under earlier names too."""
    if predecessors.are_possible(host, tags):
        return Step("snapshots", _of_scope(tags), lists=True)
    return Step("snapshots", (*_LIST, "--host", host, "--tag", ",".join(tags)), lists=True)


def put_back(snapshot: str, above: str, name: str, target: str) -> Step:
    """Restore ``name`` in the folder ``above`` of a snapshot, below ``target``.

    "" is all that lies there: names cost restic a comparison for each file.

    Without a lock: neither a read-only repository nor what somebody else does keeps files from
    those who need them. Labels of SELinux are the new pod's own, and holes stay holes.
    """
    argv = (
        "restic", "restore", "--json", "--no-lock", "--sparse",
        "--exclude-xattr", "security.selinux",
        *(("--include", f"/{literal(name)}") if name else ()),
        "--target", target, f"{snapshot}:{above}",
    )  # fmt: skip
    return Step("restore", argv, largest=0)


def find(
    snapshots: tuple[str, ...], folders: tuple[str, ...], hear: Callable[[dict[str, Any]], None]
) -> Step:
    """Pass lines of text about the content of these folders to ``hear``, snapshot by snapshot."""
    argv = (
        "restic", "find", "--no-lock", *(word for each in snapshots for word in ("-s", each)),
        *(f"{literal(folder)}/*" for folder in folders),
    )  # fmt: skip
    return Step("find", argv, hear=hear)


def nodes(
    snapshot: str, paths: tuple[str, ...], hear: Callable[[dict[str, Any]], None], *, deep: bool
) -> Step:
    """Pass these nodes and their direct entries to ``hear``; ``deep``: all entries."""
    argv = ("restic", "ls", "--json", "--no-lock", *(("--recursive",) if deep else ()))
    return Step("ls", (*argv, snapshot, *paths), hear=hear)


def restore_by_hand(
    source: str, target: str, chosen: tuple[str, ...], hear: Callable[[dict[str, Any]], None]
) -> Step:
    """Restore ``source``, a folder of a snapshot, into ``target``; ``hear`` gets each file.

    ``chosen`` are further options: what of it, and whether as a dry run.
    """
    argv = (
        "restic", "restore", "--json", "--verbose=2", "--no-lock", "--sparse",
        "--exclude-xattr", "security.selinux", *chosen, "--target", target, source,
    )  # fmt: skip
    return Step("restore", argv, hear=hear, largest=0)


def compare(
    source: str, target: str, chosen: tuple[str, ...], hear: Callable[[dict[str, Any]], None]
) -> Step:
    """Tell ``hear`` which of these files have the snapshot's content here; nothing is written."""
    # Names that are not UTF-8 are told as what they look like: any sign may stand there.
    patterns = (literal(path).replace("\ufffd", "?") for path in chosen)
    argv = (
        "restic", "restore", "--json", "--verbose=2", "--no-lock", "--dry-run",
        "--overwrite", "always", *(word for each in patterns for word in ("--include", each)),
        "--target", target, source,
    )  # fmt: skip
    return Step("compare", argv, hear=hear)


def end_of_dump(config: Config, snapshot: str, name: str, limit: float) -> Step:
    """Read a dump, all of it, and print its last bytes in base64."""
    lock = ("--retry-lock", commands.patience(config))
    return _piped(snapshot, name, lock, f"tail -c {TAIL} | base64 -w0", limit)


def ends_to_load(snapshot: str, name: str) -> Step:
    """Do so before it is loaded, and print its first bytes before them; fail for a hostile one.

    Without a lock, as all who need their files.
    """
    into = " ".join((*_fill(name, replace=False), "--check"))
    return _piped(snapshot, name, ("--no-lock",), into)


def load(snapshot: str, name: str, *, replace: bool) -> Step:
    """Load a dump into its server."""
    step = _piped(snapshot, name, ("--no-lock",), " ".join(_fill(name, replace=replace)))
    return dataclasses.replace(step, logs_in=True)


def look_into(name: str, *, replace: bool) -> Step:
    """Ask whether a dump can be loaded into its server."""
    return Step("look", (*_fill(name, replace=replace), "--look"), logs_in=True)


def _fill(name: str, *, replace: bool) -> tuple[str, ...]:
    return ("backup-runner", "fill", name, *(("--replace",) if replace else ()))


def _piped(snapshot: str, name: str, lock: tuple[str, ...], into: str, limit: float = 0) -> Step:
    """Pipe a dump into ``into``, a command without foreign input."""
    argv = (
        "bash", "-o", "pipefail", "-c", f'restic dump "$@" | {into}', "dump", *lock, snapshot,
        f"/{commands.DUMP_FILES[name]}",
    )  # fmt: skip
    return Step("dump", argv, limit=limit, options=argv.index("dump") + 1, largest=0)


def everyones_snapshots(target: str = "") -> Step:
    """List the snapshots of all who share the repository."""
    return Step("snapshots", _LIST, target=target, lists=True)
