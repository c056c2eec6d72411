#!/bin/sh
# Build the three images, or push what was built:
#   images.sh build
#   images.sh push REGISTRY    such as registry.example.com/backup
# ENGINE=docker, podman or buildah: else the first of them that works here.
# ARCH="amd64 arm64": the machines that the images are for, these two by default; a node gets the
# one for it from an index. What the images install for another machine than this one runs in an
# emulator, which must be set up (binfmt_misc); ARCH=amd64 builds for one machine, without an index.
# Push with the ARCH of the build.
# BUILD_ARGS: more arguments of the build, such as "--build-arg BASE=registry.example.com/debian"
# where Debian's own image cannot be had, or "--volume …:ro" for a network's own certificates.
# PUSH_ARGS: more arguments of the push, such as --tls-verify=false where podman or buildah push to
# a registry without TLS.
set -eu
cd "$(dirname "$0")/.."

targets='webhook sidecar sidecar-db'
architectures=${ARCH:-amd64 arm64}
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

# Tell whether the images are for several machines.
is_index() {
  case $architectures in
    *' '*) ;;
    *) return 1 ;;
  esac
}

own() {
  uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/'
}

# Build a target for an architecture, under these names.
build_one() {
  target=$1 architecture=$2
  shift 2
  # buildah before 1.29, and podman of that age, must be told what they run on; docker knows.
  [ "$engine" = docker ] || set -- "$@" --build-arg "BUILDPLATFORM=linux/$(own)"
  echo "Building $(name "$target") for $architecture with $engine ..."
  # shellcheck disable=SC2086 # a list of arguments
  "$engine" build --target "$target" "$@" --platform "linux/$architecture" \
    --build-arg VERSION="$version" ${BUILD_ARGS:-} . && return
  [ "$architecture" = "$(own)" ] && fail "$(name "$target") was not built"
  fail "$(name "$target") was not built for $architecture: if its programs do not run here \
(exec format error), install an emulator (qemu-user-static), or build for this machine alone: \
ARCH=$(own)"
}

build() {
  # Without layers buildah begins every image from nothing; docker's old builder lacks mounts.
  export BUILDAH_LAYERS=true DOCKER_BUILDKIT=1
  for target in $targets; do
    image=$(name "$target")
    if is_index && [ "$engine" != docker ]; then
      # What an earlier build left under this name, an index or an image, would stay in the index.
      "$engine" manifest rm "$image" >/dev/null 2>&1 || "$engine" rmi "$image" >/dev/null 2>&1 || :
    fi
    for architecture in $architectures; do
      if ! is_index; then
        build_one "$target" "$architecture" --tag "$image"
      elif [ "$engine" != docker ]; then
        build_one "$target" "$architecture" --manifest "$image"
      else
        # Docker's own storage has no indexes: they are made in the registry.
        build_one "$target" "$architecture" --tag "$image-$architecture"
        [ "$architecture" != "$(own)" ] || docker tag "$image-$architecture" "$image"
      fi
    done
  done
}

push_one() {
  "$engine" tag "$1" "$2" || fail "$1 cannot be tagged: build it by make images, with the same ARCH"
  echo "Pushing $2 with $engine ..."
  # shellcheck disable=SC2086 # a list of arguments
  "$engine" push ${PUSH_ARGS:-} "$2"
}

push() {
  for target in $targets; do
    image=$(name "$target")
    if ! is_index; then
      push_one "$image" "$1/$image"
    elif [ "$engine" != docker ]; then
      found=$("$engine" manifest inspect "$image") ||
        fail "$image is no index: build it by make images, with the same ARCH"
      for architecture in $architectures; do
        case $found in
          *"\"architecture\": \"$architecture\""*) ;;
          *) fail "$image has nothing for $architecture: build it by make images, with the same ARCH" ;;
        esac
      done
      echo "Pushing $1/$image for $architectures with $engine ..."
      # shellcheck disable=SC2086 # a list of arguments
      "$engine" manifest push --all ${PUSH_ARGS:-} "$image" "docker://$1/$image"
    else
      parts=
      for architecture in $architectures; do
        push_one "$image-$architecture" "$1/$image-$architecture"
        parts="$parts $1/$image-$architecture"
      done
      echo "Pushing $1/$image for $architectures with $engine ..."
      # shellcheck disable=SC2086 # a list of names
      docker buildx imagetools create --tag "$1/$image" $parts
    fi
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
