#!/bin/sh
# Run the tests on a cluster: those that need it for themselves, and then the others side by side.
# Those of the API server run meanwhile, on one of their own without a node. Arguments are pytest's,
# such as paths: all of them then run on one cluster. A cluster that ran before runs on afterwards.
set -u

parts() {
  # None of a kind may have been asked for.
  python -m tests.run --may-be-empty --cluster "$@" || failed=1
}

failed=0 apart=
if [ $# -eq 0 ]; then
  set -- tests/chart tests/cluster tests/images
  if [ "${CLUSTER_TEST_EXTERNAL:-}" != 1 ]; then # one for both parts
    python -m tests.cluster status || trap 'python -m tests.cluster down' EXIT
    python -m tests.cluster up || exit
  fi
  log=$(mktemp)
  CLUSTER_TEST_NAME=control-plane python -m tests.run --cluster tests/apiserver >"$log" 2>&1 &
  apart=$!
fi
parts -m 'cluster and alone' "$@"
parts -m 'cluster and not alone' --numprocesses=4 --dist=loadfile --no-loadscope-reorder "$@"
if [ -n "$apart" ]; then
  wait "$apart" || failed=1
  cat "$log"
  rm "$log"
fi
exit "$failed"
