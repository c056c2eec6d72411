"""A plugin of pytest: records how each test ended, and runs chosen ones only.

`--record=FILE` gets a JSON object, see `tests.run.call.Run`; `--only=FILE` names tests.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests import needs

_SLOWEST = 20
_WORTH_NAMING = 1.0  # seconds
_GROUP = re.compile(r"(?<=[\]\w])@[^\]:/]+$")  # that xdist's loadgroup appends to a test's id


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--record", type=Path, help="write how each test ended to this file")
    parser.addoption("--only", type=Path, help="run the tests that this file names, one a line")


def pytest_configure(config: pytest.Config) -> None:
    """Record in the process that prints, not in xdist's workers; select in all of them."""
    record: Path | None = config.getoption("--record")
    if record and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Recorder(record))
    only: Path | None = config.getoption("--only")
    if only:
        config.pluginmanager.register(_Selector(frozenset(only.read_text().splitlines())))


class _Recorder:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._failed: dict[str, str] = {}
        self._passed: dict[str, None] = {}
        self._uncollected: dict[str, str] = {}
        self._exceptions: dict[str, str] = {}
        self._seconds: dict[str, float] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._uncollected[report.nodeid] = _line(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = _GROUP.sub("", report.nodeid)
        # With what it waits for before and after.
        self._seconds[test] = self._seconds.get(test, 0) + report.duration
        if report.failed:
            self._failed.setdefault(test, _line(report))
        elif report.passed and report.when == "call":
            self._passed[test] = None
        elif report.skipped and isinstance(report.longrepr, tuple):
            _, _, reason = report.longrepr
            if needs.EXCEPTION in reason:
                self._exceptions[test] = reason.partition(needs.EXCEPTION)[2]

    def pytest_sessionfinish(self) -> None:
        slowest = sorted(self._seconds.items(), key=lambda each: -each[1])[:_SLOWEST]
        self._file.write_text(json.dumps({
            "failed": self._failed, "passed": [*self._passed.keys() - self._failed.keys()],
            "uncollected": self._uncollected, "exceptions": self._exceptions,
            "slowest": {test: each for test, each in slowest if each >= _WORTH_NAMING},
        }))  # fmt: skip


def _line(report: pytest.CollectReport | pytest.TestReport) -> str:
    """Return the message of a failure, in a line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return next((line.strip() for line in text.splitlines() if line.strip()), "no message")


class _Selector:
    def __init__(self, tests: frozenset[str]) -> None:
        self._tests = tests
        self._files = {test.partition("::")[0] for test in tests}

    def pytest_ignore_collect(self, collection_path: Path, config: pytest.Config) -> bool | None:
        name = os.path.relpath(collection_path, config.rootpath)
        return True if collection_path.is_file() and name not in self._files else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        runs = [self._runs(item, items[place:]) for place, item in enumerate(items)]
        left_out = [item for item, kept in zip(items, runs, strict=True) if not kept]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item, kept in zip(items, runs, strict=True) if kept]

    def _runs(self, item: pytest.Item, rest: list[pytest.Item]) -> bool:
        """Return whether a test runs: a chosen one, or one that shares its fixtures before it.

        A failure may come from what the others left there.
        """
        return item.nodeid in self._tests or any(
            later.nodeid in self._tests and later.path == item.path and _shared(item, later)
            for later in rest
        )


def _shared(one: Any, other: Any) -> bool:  # noqa: ANN401 -- pytest has no public name for these
    """Return whether two tests share a fixture that lives longer than a test."""
    return bool(_lasting(one) & _lasting(other))


def _lasting(item: Any) -> set[str]:  # noqa: ANN401 -- as above
    known = item._fixtureinfo.name2fixturedefs
    return {
        name for name, found in known.items() if found[-1].scope in ("class", "module", "package")
    }
