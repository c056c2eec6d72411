#!/bin/sh
# Run the tests on a cluster: those that need it for themselves, and then the others side by side.
# Arguments are pytest's, such as paths. A cluster that ran before runs on afterwards.
set -u

parts() {
  sh tests/twice.sh --cluster "$@"
  case $? in
    0 | 5) ;; # 5: none of this kind was asked for
    *) failed=1 ;;
  esac
}

[ $# -gt 0 ] || set -- tests/apiserver tests/chart tests/cluster tests/images
failed=0
parts -m 'cluster and alone' "$@"
parts -m 'cluster and not alone' --numprocesses=3 --dist=loadfile "$@"
exit "$failed"
