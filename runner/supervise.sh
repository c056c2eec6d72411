#!/bin/sh
# The container's first process: waits, calls `backup-runner tick`, forwards signals. A few lines
# of shell, because this is what stays in memory; Python comes up only to work.
# It never exits by itself: a sidecar that ends would make the app's pod not Ready.
set -u
# shellcheck disable=SC3045 # dash knows it
ulimit -c 0 # no core dump holds a secret; children inherit it

# The Secret's keys come in under a prefix, and the webhook sets PATH. What is started here depends
# on neither: what an image or somebody else sets of these does not reach Python.
unset IFS
case $0 in */*) PATH=${0%/*}:/usr/bin:/bin${PATH:+:$PATH} ;; *) PATH=/usr/bin:/bin${PATH:+:$PATH} ;; esac
loaders='LD_\|PYTHON\|MALLOC_\|GLIBC_TUNABLES\|GCONV_PATH\|ENV\|BASH_ENV\|SHELLOPTS\|CDPATH'
for name in $(export -p | sed -n "s/^export \(\($loaders\)[A-Za-z0-9_]*\)\(=.*\)\{0,1\}\$/\1/p"); do
  case $name in
    PYTHONDONTWRITEBYTECODE | PYTHONUNBUFFERED) ;; # the image sets these
    *) unset "$name" ;;
  esac
done

state=${BACKUP_STATE_DIR:-/var/lib/backup}
case $state in /*) ;; *) state=./$state ;; esac # a dash in front would be an option
# Where nobody may remove another user's files, each has a folder; as runner/process/ownership.py says it.
# shellcheck disable=SC3065,SC3067 # dash knows both
if [ -k "$state" ] && [ ! -O "$state" ]; then
  state=$state/uid-$(id -u)
  mkdir -m 700 "$state" 2>/dev/null
fi
annotations=${BACKUP_ANNOTATIONS_FILE:-/etc/backup/pod/annotations}
secret=${BACKUP_SECRET_DIR:-/etc/backup/secret}
# Only what runner/config/timeouts.py takes, which names anything else: a pause of 0 would be a busy loop.
case ${BACKUP_POLL_SECONDS-} in
  [1-9] | [1-9][0-9] | [1-9][0-9][0-9] | 0.[1-9] | 0.[1-9][0-9] | 0.0[5-9])
    pause=$BACKUP_POLL_SECONDS
    ;;
  *) pause=30 ;;
esac
blind_steps=10 # where a tick fails or the state folder is full: look again after so many pauses

tick='' sleeper='' stopping='' changed='' why=--start

trap '' HUP # restic probes processes by it
trap 'stopping=1; kill -TERM $tick $sleeper 2>/dev/null' TERM INT
trap 'why=--now changed=1; kill $sleeper 2>/dev/null' USR1

await_tick() {
  # A signal ends `wait` before the child ends, hence the loop.
  while wait "$tick" 2>/dev/null; status=$?; kill -0 "$tick" 2>/dev/null; do :; done
  tick=''
}

doze() {
  [ -z "$stopping$changed" ] || return 0 # a signal came while we looked
  sleep "$pause" &
  sleeper=$!
  # A sleeper that is killed as it is born does not notice; then nothing waits for it.
  [ -n "$stopping$changed" ] || wait "$sleeper"
  kill "$sleeper" 2>/dev/null
  sleeper=''
}

is_due() {
  if ! echo >"$state/clock" || [ ! -e "$state/next" ]; then
    steps=$((steps + 1))
    [ "$steps" -ge "$blind_steps" ]
    return
  fi 2>/dev/null
  # A clock that was set back makes what was written before look newer.
  [ "$state/clock" -nt "$state/next" ] || [ "$state/seen" -nt "$state/clock" ] ||
    [ "${annotations%/*}" -nt "$state/seen" ] || [ "$secret" -nt "$state/seen" ]
}

# What an earlier container wrote as another user is closed to this one, but can be removed.
rm -f "$state/clock" "$state/seen" "$state/supervisor" 2>/dev/null
{ echo $$ >"$state/supervisor"; } 2>/dev/null # the process that SIGUSR1 requests a backup from
while [ -z "$stopping" ]; do
  changed='' steps=0 argument=$why why='' # one command: no signal comes in between
  { echo >"$state/seen"; } 2>/dev/null # a full or closed state folder must not end us
  # shellcheck disable=SC2086 # empty: no argument
  backup-runner tick $argument &
  tick=$!
  [ -z "$stopping" ] || kill -TERM "$tick" 2>/dev/null
  await_tick
  [ "$status" -eq 0 ] || rm -f "$state/next"
  while [ -z "$stopping$changed" ] && ! is_due; do
    doze
  done
done
if [ -e "$state/on-exit" ]; then
  backup-runner tick --exit &
  tick=$!
  await_tick
fi
exit 0
