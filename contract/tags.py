"""Tags of snapshots: workload and content. Pure; a separate module, because every start imports
it.
"""

from collections.abc import Iterable

DOUBTFUL = "doubtful"
"""The tag of a snapshot that lacks something: its source had lost files, or its dump is partial."""
KEEP = "keep"
"""The tag of a snapshot that retention keeps under any policy."""
DUMP = "dump="
"""Begins the tag of a snapshot that holds a dump; the name of the dump follows."""
NAMESPACE, KIND, WORKLOAD, CLUSTER = "ns=", "kind=", "workload=", "cluster="
"""Begin the tags that say whose a snapshot is, beside its host; there may be no cluster."""
OWNER = (NAMESPACE, KIND, WORKLOAD, CLUSTER)
COPIES = "tmp/sqlite"
"""Where copies of SQLite databases lie, below the folder of the state, in a snapshot too."""


def owner_tags(namespace: str, kind: str, workload: str, cluster: str) -> tuple[str, ...]:
    """Return the tags of all snapshots of a workload; "" is no cluster."""
    named = (f"{CLUSTER}{cluster}",) if cluster else ()
    return (f"{NAMESPACE}{namespace}", f"{KIND}{kind}", f"{WORKLOAD}{workload}", *named)


def owner_of(tags: Iterable[str]) -> tuple[str, ...]:
    """Return the tags that identify the owner of a snapshot, in addition to its host."""
    return tuple(sorted(tag for tag in tags if tag.startswith(OWNER)))


def is_owned(tags: Iterable[str]) -> bool:
    """Whether a sidecar made a snapshot with these tags: each of its snapshots has all of them."""
    return {tag.partition("=")[0] for tag in tags} >= {"ns", "kind", "workload"}


def is_ours(tag: str) -> bool:
    """Whether a tag has a meaning here, so that nobody else may set it."""
    return tag == DOUBTFUL or tag.startswith((DUMP, *OWNER))


def dump_tag(tags: Iterable[str]) -> str:
    """Return the tag of a dump that is among these; "" for the volumes."""
    return next((tag for tag in tags if tag.startswith(DUMP)), "")
