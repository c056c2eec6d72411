#!/bin/sh
# Build the pinned govulncheck into $1, where it is not there yet.
set -eu

folder=$1
cd "$(dirname "$0")/govulncheck"
pinned=$(sed -n 's|^\tgolang.org/x/vuln v\([0-9.]*\).*|\1|p' go.mod)
mkdir -p "$folder"
exec 9>"$folder/.govulncheck.lock"
if command -v flock >/dev/null; then flock 9; fi # one process builds, others wait for it
[ ! -x "$folder/govulncheck-$pinned" ] || exit 0
command -v go >/dev/null || {
  echo "govulncheck is built with Go, which is not installed" >&2
  exit 1
}
part=$folder/.govulncheck.new
CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath \
  -o "$part" golang.org/x/vuln/cmd/govulncheck
mv "$part" "$folder/govulncheck-$pinned"
ln -sf "govulncheck-$pinned" "$folder/govulncheck"
