#!/bin/sh
# Make sure that the machine has what the test cluster runs on; quick when it is all there.
#   packages.sh BIN    servers that nobody wants started here, or that are too new for this Debian,
#                      are unpacked into the folder BIN: etcd, docker-registry
set -eu

bin=$1
suite=trixie
unpack=$(dirname "$0")/../services/unpack.sh

mkdir -p "$bin"
exec 9>"$bin/.packages.lock"
flock 9 # one process of ours installs, others wait

# What is looked for, and the package that brings it: a containerd from elsewhere is as good.
wanted='
/usr/lib/cni/bridge                 containernetworking-plugins
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
/usr/share/containers/policy.json:/etc/containers/policy.json golang-github-containers-common
buildah                             buildah
catatonit                           catatonit
containerd                          containerd
ip                                  iproute2
mmdebstrap                          mmdebstrap
nft                                 nftables
nsenter                             util-linux
runc                                runc
'

# True where one of the commands or files in $1 (parted by colons) is there.
is_there() {
  for name in $(echo "$1" | tr : ' '); do
    if [ -e "$name" ] || command -v "$name" >/dev/null; then return 0; fi
  done
  return 1
}

# True where $1 is an etcd that Kubernetes still works with (3.5 or newer).
is_new_etcd() {
  "$1" --version 2>/dev/null | awk '/^etcd Version/ { split($3, v, "."); ok = v[1] > 3 || v[2] >= 5 } END { exit !ok }'
}

fail() {
  echo "test cluster: $1" >&2
  echo "Or use a cluster of your own: CLUSTER_TEST_EXTERNAL=1 KUBECONFIG=... (see tests/cluster/conftest.py)" >&2
  exit 1
}

# The fresh lists of packages are only asked for when the old ones do not do.
install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list of names
  apt-get -o DPkg::Lock::Timeout=600 install -qq -y --no-install-recommends $1 >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get -o DPkg::Lock::Timeout=600 install -qq -y --no-install-recommends $1 >/dev/null; }
}

# Unpack etcd and the registry from a newer suite of the mirror that this machine uses.
unpack_servers() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  sh "$unpack" "$work" "$suite" etcd-server docker-registry
  for program in etcd docker-registry; do
    install -m 755 "$work/usr/bin/$program" "$bin/.$program.new"
    mv "$bin/.$program.new" "$bin/$program"
  done
}

missing=
while read -r names package; do
  [ -z "$names" ] || is_there "$names" || missing="$missing $package"
done <<LIST
$wanted
LIST
servers=
is_new_etcd "$bin/etcd" || is_new_etcd "$(command -v etcd || true)" || servers=' etcd-server'
is_there "$bin/docker-registry:docker-registry" || servers="$servers docker-registry"
[ -n "$missing$servers" ] || exit 0

command -v apt-get >/dev/null || fail "needs, and apt-get is not here:$missing$servers"
[ "$(id -u)" = 0 ] || fail "needs root, once, to install:$missing$servers"

if [ -n "$missing" ]; then
  echo "Installing$missing ..."
  install_packages "$missing"
fi
if [ -n "$servers" ]; then
  echo "Unpacking etcd and docker-registry of Debian $suite into $bin ..."
  unpack_servers
  is_new_etcd "$bin/etcd" || fail "etcd of Debian $suite does not run here: install etcd 3.5 or newer"
fi
