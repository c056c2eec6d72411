#!/bin/sh
# Build restic for tests into $1: the pinned source, but a password costs a millisecond of processor
# time in place of half a second. Tests open repositories some ten thousand times.
set -eu

folder=$1
cd "$(dirname "$0")/../../tools"
mkdir -p "$folder"
exec 9>"$folder/.lock"
if command -v flock >/dev/null; then flock 9; fi # one process builds, others wait for it
stamp=$(cksum <go.sum)
[ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ] || exit 0

command -v go >/dev/null || {
  echo "Without Go the tests run with the restic that is there: most of their time is for passwords." >&2
  exit 0
}
export GOFLAGS=-mod=readonly CGO_ENABLED=0
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
go mod download github.com/restic/restic
cp -R "$(go list -m -f '{{.Dir}}' github.com/restic/restic)" "$parts/restic"
chmod -R u+w "$parts/restic"

keys=internal/repository/key.go
sed 's/KDFTimeout = 500 \* time.Millisecond/KDFTimeout = time.Millisecond/' \
  "$parts/restic/$keys" >"$parts/key.go"
if cmp -s "$parts/key.go" "$parts/restic/$keys"; then
  echo "restic's $keys has changed: mend $0" >&2
  exit 1
fi
mv "$parts/key.go" "$parts/restic/$keys"

cp go.mod go.sum "$parts"
go mod edit -replace "github.com/restic/restic=$parts/restic" "$parts/go.mod"
go build -modfile "$parts/go.mod" -trimpath -ldflags '-s -w' \
  -o "$folder/.restic.new" github.com/restic/restic/cmd/restic
mv "$folder/.restic.new" "$folder/restic"
echo "$stamp" >"$folder/stamp"
