#!/bin/sh
# Run the tests on a cluster: those that need it for themselves, and then the others side by side.
# Arguments are pytest's, such as paths. A cluster that ran before runs on afterwards.
set -u

parts() {
  # None of a kind may have been asked for.
  python -m tests.run --may-be-empty --cluster "$@" || failed=1
}

if [ $# -eq 0 ]; then
  set -- tests/apiserver tests/chart tests/cluster tests/images
  if [ "${CLUSTER_TEST_EXTERNAL:-}" != 1 ]; then # one for both parts
    python -m tests.cluster status || trap 'python -m tests.cluster down' EXIT
    python -m tests.cluster up || exit
  fi
fi
failed=0
parts -m 'cluster and alone' "$@"
parts -m 'cluster and not alone' --numprocesses=3 --dist=loadfile "$@"
exit "$failed"
