#!/bin/sh
# Make sure that a restic >= 0.17 is found: on PATH, or built from the pinned source into $1.
set -eu

folder=$1
pinned=$(sed -n 's|^\tgithub.com/restic/restic v\([0-9.]*\).*|\1|p' "$(dirname "$0")/go.mod")

# The second word of `restic version`, such as 0.19.1.
version() {
  "$1" version 2>/dev/null | awk '{ sub(/-.*/, "", $2); print $2; exit }'
}

is_enough() {
  echo "$1" | awk -F . '{ exit !($1 > 0 || $2 >= 17) }'
}

mkdir -p "$folder"
exec 9>"$folder/.restic.lock"
if command -v flock >/dev/null; then flock 9; fi # one process builds, others wait for it

# An earlier build here goes before any other restic, and is made anew when the pin moves.
if [ -x "$folder/restic" ]; then
  [ "$(version "$folder/restic")" != "$pinned" ] || exit 0
elif found=$(command -v restic) && is_enough "$(version "$found")"; then
  exit 0
fi

command -v go >/dev/null || {
  echo "restic 0.17 or newer is needed. Install restic, or Go 1.21 or newer to build it here." >&2
  exit 1
}
echo "Building restic $pinned from source, once (about two minutes) ..."
cd "$(dirname "$0")"
part=$folder/.restic.new # another process may run the one that is there
CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath \
  -ldflags '-s -w' -o "$part" github.com/restic/restic/cmd/restic
mv "$part" "$folder/restic"
