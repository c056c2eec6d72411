#!/bin/sh
# Build the images, or push what was built.
#   images.sh build            with docker, podman or buildah; ENGINE=… chooses
#   images.sh push REGISTRY    such as registry.example.com/backup
# ARCH=arm64 builds for another machine; BUILD_ARGS are more arguments of the build.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' contract/version.py)
targets='webhook sidecar sidecar-db'

fail() {
  echo "images: $1" >&2
  exit 2
}

name() {
  case $1 in
    webhook) echo "backup-webhook:$version" ;;
    *) echo "backup-webhook-$1:$version" ;;
  esac
}

# A docker client without its daemon is of no use.
works() {
  command -v "$1" >/dev/null && { [ "$1" != docker ] || docker info >/dev/null 2>&1; }
}

engine=${ENGINE:-}
for known in docker podman buildah; do
  [ -n "$engine" ] || ! works "$known" || engine=$known
done
[ -n "$engine" ] || fail "docker, podman or buildah is needed: install one of them"

case ${1:-} in
  build)
    for target in $targets; do
      # shellcheck disable=SC2086 # BUILD_ARGS are several words
      "$engine" build ${ARCH:+--platform "linux/$ARCH"} ${BUILD_ARGS:-} \
        --target "$target" --tag "$(name "$target")" .
    done
    ;;
  push)
    registry=${2:-}
    [ -n "$registry" ] || fail "no registry: make push REGISTRY=registry.example.com/backup"
    for target in $targets; do
      "$engine" tag "$(name "$target")" "$registry/$(name "$target")"
      "$engine" push "$registry/$(name "$target")"
    done
    ;;
  *) fail "write: images.sh build | push REGISTRY" ;;
esac
