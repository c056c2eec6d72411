#!/bin/sh
# Build the pinned govulncheck into $1, where it is not there yet.
set -eu

folder=$1
cd "$(dirname "$0")/govulncheck"
pinned=$(sed -n 's|^\tgolang.org/x/vuln v\([0-9.]*\).*|\1|p' go.mod)
[ ! -x "$folder/govulncheck-$pinned" ] || exit 0
command -v go >/dev/null || {
  echo "govulncheck is built with Go, which is not installed" >&2
  exit 1
}
mkdir -p "$folder"
CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath \
  -o "$folder/govulncheck-$pinned" golang.org/x/vuln/cmd/govulncheck
ln -sf "govulncheck-$pinned" "$folder/govulncheck"
