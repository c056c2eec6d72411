"""A folder holds at most twelve entries, so that whoever looks for an idea finds its file."""

import subprocess
from collections import defaultdict
from collections.abc import Iterable

from tests.blocks import PROJECT

_MOST = 12  # entries of a folder; __init__.py is not counted
MORE = {
    ".": (24, "tools, registries and readers look here for these files and packages"),
    "runner": (20, "its packages are layers of their own, see docs/architecture.md"),
    "tests": (25, "a folder for each package of the product, and for each kind of test"),
    "tests/runner": (21, "mirrors the packages of runner"),
}
ANY_NUMBER = {
    "docs": "other people's links name its pages by address; the site groups them",
    "docs/recipes": "as docs",
    "manifests/chart/templates": "one file for each kind of object, as charts have them",
    "tests/fuzz/corpus/archives": "data: what fuzzing keeps",
    "tests/fuzz/corpus/documents": "data: what fuzzing keeps",
    "tests/fuzz/corpus/reviews": "data: what fuzzing keeps",
    "tests/pods": "data: one file for each pod",
}


def _crowded(files: Iterable[str]) -> dict[str, int]:
    """Return the folders with more entries than the bound, and how many they have."""
    entries = defaultdict(set)
    for file in files:
        parts = ("", *file.split("/"))
        for depth in range(1, len(parts)):
            if parts[depth] != "__init__.py":
                entries["/".join(parts[1:depth]) or "."].add(parts[depth])
    return {folder: len(names) for folder, names in entries.items() if len(names) > _MOST}


def _project() -> list[str]:
    """Return the files that Git knows or would take, and that exist."""
    listed = subprocess.run(
        ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"),
        cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return [file for file in listed.stdout.split("\0") if file and (PROJECT / file).exists()]


def test_a_folder_holds_at_most_twelve_entries() -> None:
    crowded = _crowded(_project())

    assert {folder: count for folder, count in crowded.items() if folder not in ANY_NUMBER} == {
        folder: most for folder, (most, _) in MORE.items()
    }
    assert ANY_NUMBER.keys() <= crowded.keys()


def test_the_thirteenth_entry_is_one_too_many() -> None:
    twelve = [f"tests/new/{number}.py" for number in range(12)]

    assert _crowded([*twelve, "tests/new/__init__.py"]) == {}
    assert _crowded([*twelve, "tests/new/deeper/one.py"]) == {"tests/new": 13}
