#!/usr/bin/env bash
# Installs the Debian packages that are missing for the tasks named: build, test, bench, attack. Says what it does; asks nothing.
set -euo pipefail

build="libuv1-dev libhttp-parser-dev libssl-dev libsqlite3-dev libzstd-dev libpcre2-dev libtomlplusplus-dev"
test="bash zsh fish mksh ksh yash busybox vim htop less git python3 tmux curl procps"
bench="nats-server libnats-dev libvterm-dev tmux python3-terminado python3-tornado nginx-light"
agents="python3-libtmux fish zsh gdb nodejs sqlite3 bc vim ed less git procps openssl openssh-client"

# The version whose findings are known.
schemathesis="schemathesis==4.32.5"

wanted=""
attack=""
for task in "$@"; do
  case "$task" in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $build $test" ;;
    # Schemathesis is no Debian package: it goes into a Python environment of its own, below.
    attack) wanted="$wanted python3 python3-venv curl"; attack=1 ;;
    bench) wanted="$wanted $build $bench $agents" ;;
    *) echo "setup: unknown task '$task'; use build, test, bench or attack" >&2; exit 2 ;;
  esac
done

if ! command -v swift >/dev/null; then
  echo "setup: Swift 6.2 or newer is needed and was not found in PATH; see https://www.swift.org/install/linux" >&2
  exit 1
fi
install_schemathesis() {
  [ -n "$attack" ] || return 0
  local folder
  folder="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.build/schemathesis"
  [ "$(cat "$folder/installed" 2>/dev/null)" = "$schemathesis" ] && [ -x "$folder/bin/st" ] && return 0
  echo "setup: installing $schemathesis from PyPI into $folder"
  rm -rf "$folder"
  python3 -m venv "$folder"
  if ! "$folder/bin/pip" install --quiet --disable-pip-version-check "$schemathesis"; then
    echo "setup: pip could not install $schemathesis; is PyPI reachable from here?" >&2
    exit 1
  fi
  echo "$schemathesis" >"$folder/installed"
}

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian; install the equivalents of:$wanted" >&2
  install_schemathesis
  exit 0
fi

missing=""
for package in $wanted; do
  state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  case "$state" in *"ok installed") ;; *) case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac ;; esac
done
if [ -z "$missing" ]; then
  install_schemathesis
  exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: install these as root:$missing" >&2; exit 1; }
  as_root="sudo"
fi
echo "setup: installing$missing"
# A fresh machine's own updates may hold the locks for some minutes; of the package lists' lock apt knows no waiting.
for turn in $(seq 60); do
  refused=$($as_root apt-get update -qq 2>&1) && break
  case $refused in *"Could not get lock"*) [ "$turn" -eq 60 ] || { sleep 5; continue; } ;; esac
  echo "$refused" >&2
  exit 1
done
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -o DPkg::Lock::Timeout=300 -y -qq --no-install-recommends $missing >/dev/null
install_schemathesis
