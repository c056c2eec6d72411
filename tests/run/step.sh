#!/bin/sh
# Run a command as a step of a longer run: step.sh NAME COMMAND...
# Its time and its end go, one line, to the file that TESTS_SUMMARY names.
set -u

name=$1
shift
began=$(date +%s)
"$@"
status=$?
seconds=$(($(date +%s) - began))
printf '%-14s %3d:%02d  %s\n' "$name" $((seconds / 60)) $((seconds % 60)) \
  "$([ $status -eq 0 ] && echo passed || echo "failed with status $status")" >>"${TESTS_SUMMARY:-/dev/null}"
exit $status
