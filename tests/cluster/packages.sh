#!/bin/sh
# Make sure that the machine has what the test cluster runs on; quick when it is all there.
#   packages.sh BIN    an etcd that is too new for this Debian is unpacked into the folder BIN
set -eu

bin=$1
etcd_suite=trixie

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
  apt-get install -qq -y --no-install-recommends $1 >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends $1 >/dev/null; }
}

# Unpack etcd from a newer suite of the mirror that this machine uses. Its apt sources stay as they
# are, so that nothing else of the newer suite (its libc) can come in.
unpack_etcd() {
  # shellcheck disable=SC2016 # apt fills it in
  mirror=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
  [ -n "$mirror" ] || fail "etcd 3.5 or newer is needed and no Debian mirror is known here: install it"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$bin"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keyring] $mirror $etcd_suite main" >"$work/sources.list"
  cat >"$work/apt.conf" <<-CONF
	Dir::Etc::SourceList "$work/sources.list";
	Dir::Etc::SourceParts "/dev/null";
	Dir::State::Lists "$work/lists";
	Dir::Cache "$work/cache";
	APT::Sandbox::User "root";
	CONF
  (
    cd "$work"
    export APT_CONFIG="$work/apt.conf"
    apt-get update -qq
    apt-get download -qq etcd-server
    dpkg-deb -x etcd-server_*.deb tree
  )
  install -m 755 "$work/tree/usr/bin/etcd" "$bin/etcd"
}

missing=
while read -r names package; do
  [ -z "$names" ] || is_there "$names" || missing="$missing $package"
done <<LIST
$wanted
LIST
etcd=$(command -v etcd || true)
if is_new_etcd "$bin/etcd" || is_new_etcd "$etcd"; then etcd_is_there=1; else etcd_is_there=; fi
[ -n "$missing" ] || [ -z "$etcd_is_there" ] || exit 0

command -v apt-get >/dev/null || fail "needs Debian's packages${missing:+:$missing} and etcd 3.5, and apt-get is not here"
[ "$(id -u)" = 0 ] || fail "needs root, once, to install:$missing${etcd_is_there:+}${etcd_is_there:- etcd-server}"

if [ -n "$missing" ]; then
  echo "Installing$missing ..."
  install_packages "$missing"
fi
if [ -z "$etcd_is_there" ]; then
  echo "Unpacking etcd of Debian $etcd_suite into $bin ..."
  unpack_etcd
  is_new_etcd "$bin/etcd" || fail "etcd of Debian $etcd_suite does not run here: install etcd 3.5 or newer"
fi
