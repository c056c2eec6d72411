#!/bin/sh
# Unpack packages of Debian into a folder instead of installing them: nothing is started, nothing of
# the machine changes, nobody has to be root.
#   unpack.sh FOLDER SUITE PACKAGE...
# SUITE: such as trixie; only the packages themselves then. "own": this machine's, and what they
# depend on is unpacked too where it is not installed.
set -eu

folder=$1 suite=$2
shift 2

fail() {
  echo "unpack: $1" >&2
  exit 1
}

command -v apt-get >/dev/null || fail "no apt-get here to bring: $*"
# shellcheck disable=SC2016 # apt fills it in
mirror=$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
[ -n "$mirror" ] || fail "no Debian mirror is known here to bring: $*"

mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
# Its own lists and cache; what is installed here is only read. The machine's sources stay as they
# are, so that nothing else of a newer suite (its libc) can come in.
cat >"$work/apt.conf" <<CONF
Dir::State::Lists "$work/lists";
Dir::Cache "$work/cache";
Debug::NoLocking "true";
APT::Sandbox::User "$(id -un)";
CONF
if [ "$suite" != own ]; then
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
  cat >>"$work/apt.conf" <<-CONF
	Dir::Etc::SourceList "$work/sources.list";
	Dir::Etc::SourceParts "/dev/null";
	CONF
fi
export APT_CONFIG="$work/apt.conf"
cd "$work/cache/archives"
apt-get update -qq
if [ "$suite" = own ]; then
  apt-get install -qq -y --download-only --no-install-recommends "$@" >/dev/null
else
  for package; do apt-get download -qq "$package/$suite"; done
fi
for file in *.deb; do dpkg-deb -x "$file" "$folder"; done
