"""Runs pytest with these arguments; what fails runs again, three times under load.

Exit status: pytest's; 0 also where each failed test passed all three.
"""

import argparse
import os
import sys
from pathlib import Path

from tests.run import again

_PROJECT = Path(__file__).parents[2]


def main() -> int:
    """Print the slowest tests and what ran again; return the status.

    These lines come last, and go into the file that TESTS_SUMMARY names.
    """
    parser = argparse.ArgumentParser("python -m tests.run", description=__doc__, allow_abbrev=False)
    parser.add_argument("--flaky", type=Path, default=_PROJECT / "dist/flaky.txt", metavar="FILE",
                        help="the list of tests that ran again")  # fmt: skip
    parser.add_argument("--may-be-empty", action="store_true", help="no tests are a success")
    parser.add_argument("--under-load", type=int, metavar="N",
                        help="how many processes keep processors busy (one each)")  # fmt: skip
    options, arguments = parser.parse_known_args()
    verdict = again.judge(
        arguments, options.flaky, may_be_empty=options.may_be_empty, burners=options.under_load
    )
    text = "".join(f"  {line}\n" for line in verdict.lines)
    print(text, end="", flush=True)
    if summary := os.environ.get("TESTS_SUMMARY"):
        with Path(summary).open("a") as opened:
            opened.write(text)
    return verdict.status


if __name__ == "__main__":
    sys.exit(main())
