"""The content of a dump, and its server's own report, stored beside the dump. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Inventory:
    """The databases in a dump, and its gaps: what the server has and the dump does not, in words.

    ``folder`` is the data folder as the server names it; ``proofs`` are facts about the files in
    it, by which the same folder is known under another path.
    """

    databases: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    folder: str = ""
    proofs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of a finished dump, in view of the pod's volumes.

    ``gaps`` make it incomplete. ``others`` are servers of its kind that no dump is of. ``raw`` are
    restic patterns of the files that it stands for; an incomplete one stands for none.
    """

    gaps: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    raw: tuple[str, ...] = ()


UNKNOWN = Inventory(gaps=("what it holds was not reported",))


def file_name(dump: str) -> str:
    """Return the name of the file in the scratch folder that has a dump's inventory."""
    return f"dump-{dump}.json"


def written(inventory: Inventory) -> str:
    """Return an inventory as text."""
    return json.dumps(asdict(inventory))


def read(text: str) -> Inventory:
    """Return the inventory in a text; UNKNOWN where it is none."""
    try:
        found: Json = json.loads(text)
        return Inventory(
            databases=tuple(map(str, found["databases"])),
            gaps=tuple(map(str, found["gaps"])),
            folder=str(found["folder"]),
            proofs=dict(found["proofs"]),
        )
    except (ValueError, KeyError, TypeError):
        return UNKNOWN
