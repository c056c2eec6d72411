#!/bin/sh
# Build the three images, or push what was built:
#   images.sh build
#   images.sh push REGISTRY    such as registry.example.com/backup
# ENGINE=docker, podman or buildah: else the first of them that works here.
# ARCH=arm64, amd64 …: for other machines than this one; what the images install then runs in an
# emulator, which must be set up (binfmt_misc).
# BUILD_ARGS: more arguments of the build, such as "--build-arg BASE=registry.example.com/debian"
# where Debian's own image cannot be had, or "--volume …:ro" for a network's own certificates.
set -eu
cd "$(dirname "$0")/.."

targets='webhook sidecar sidecar-db'
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' contract/version.py)

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

# A docker client fails here if no daemon answers it.
works() {
  "$1" version >/dev/null 2>&1
}

choose_engine() {
  engine=${ENGINE:-}
  if [ -n "$engine" ]; then
    works "$engine" || fail "ENGINE=$engine does not work here: \`$engine version\` says why"
    return
  fi
  for engine in docker podman buildah; do
    if works "$engine"; then return; fi
  done
  fail 'neither a docker daemon nor podman nor buildah is here: install one, such as buildah'
}

# Arguments that build for $ARCH. buildah before 1.29, and podman of that age, must be told what
# they run on themselves; docker knows.
platform() {
  echo "--platform linux/$ARCH"
  [ "$engine" = docker ] ||
    echo "--build-arg BUILDPLATFORM=linux/$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')"
}

build() {
  # Without layers buildah begins every image from nothing; docker's old builder lacks mounts.
  export BUILDAH_LAYERS=true DOCKER_BUILDKIT=1
  for target in $targets; do
    echo "Building $(name "$target") with $engine ..."
    # shellcheck disable=SC2046,SC2086 # lists of arguments
    "$engine" build --target "$target" --tag "$(name "$target")" \
      --build-arg VERSION="$version" ${ARCH:+$(platform)} ${BUILD_ARGS:-} .
  done
}

push() {
  for target in $targets; do
    image=$(name "$target")
    "$engine" tag "$image" "$1/$image" || fail "$image cannot be tagged: build it by make images"
    echo "Pushing $1/$image with $engine ..."
    "$engine" push "$1/$image"
  done
}

case ${1:-} in
  build)
    choose_engine
    build
    ;;
  push)
    [ -n "${2:-}" ] || fail 'no registry: make push REGISTRY=registry.example.com/backup'
    choose_engine
    push "${2%/}"
    ;;
  *) fail 'write: images.sh build | push REGISTRY' ;;
esac
