#!/bin/sh
# Run pytest with these arguments; what fails, once more and alone. These tests await what real
# servers do, and on a busy machine one of thousands may wait in vain. A fault of ours fails again.
set -u

python -m pytest "$@"
status=$?
[ "$status" -eq 1 ] || exit "$status" # 1: tests failed; all else is no matter of luck
echo 'Once more, alone, what failed:'
python -m pytest "$@" --numprocesses=0 --maxfail=1 --last-failed --last-failed-no-failures=none ||
  exit 1 # also where none of them was found again
