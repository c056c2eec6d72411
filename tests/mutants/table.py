"""The faults that tests must notice: read from faults/*.toml."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.blocks import PROJECT

FOLDER = Path(__file__).with_name("faults")


@dataclass(frozen=True)
class Fault:
    """One mistake that somebody could make: ``old`` becomes ``new`` in ``path``.

    ``killer`` is the test that is expected to fail; ``reason`` says why none can.
    """

    id: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]
    killer: str
    reason: str

    def planted(self, text: str) -> str:
        """Return the text of the module with this fault; it has to fit exactly once."""
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.id}: its old text is found {count} times in {self.path}")
        return text.replace(self.old, self.new)


def faults(folder: Path = FOLDER) -> Iterator[Fault]:
    """Yield the faults of every area, in the order of their files."""
    for path in sorted(folder.glob("*.toml")):
        for module in tomllib.loads(path.read_text())["module"]:
            for each in module["fault"]:
                yield Fault(
                    id=each["id"],
                    path=module["path"],
                    old=each["old"],
                    new=each["new"],
                    tests=tuple(each.get("tests", module["tests"])),
                    killer=each.get("killer", ""),
                    reason=each.get("reason", ""),
                )


def misfit(fault: Fault, project: Path = PROJECT) -> str:
    """Return what is wrong with an entry of the table, or nothing."""
    try:
        fault.planted((project / fault.path).read_text())
    except (OSError, ValueError) as problem:
        return str(problem)
    for test in (*fault.tests, *filter(None, [fault.killer])):
        path, _, name = test.partition("::")
        if not (project / path).exists():
            return f"{fault.id}: {path} does not exist"
        if name and f"def {name.partition('[')[0]}(" not in (project / path).read_text():
            return f"{fault.id}: {path} has no {name}"
    if not fault.tests:
        return f"{fault.id}: no tests to run"
    return "" if fault.killer or fault.reason else f"{fault.id}: neither a killer nor a reason"
