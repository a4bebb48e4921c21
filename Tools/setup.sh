#!/usr/bin/env bash
# Installs the Debian packages that are missing for the tasks named: build, test, bench. Says what it does; asks nothing.
set -euo pipefail

build="libuv1-dev libhttp-parser-dev libssl-dev libsqlite3-dev libzstd-dev libpcre2-dev libtomlplusplus-dev"
test="bash zsh fish mksh ksh yash busybox vim htop less git python3 tmux curl procps"
bench="nats-server libnats-dev libvterm-dev tmux python3-terminado python3-tornado nginx-light"
agents="python3-libtmux fish zsh gdb nodejs sqlite3 bc vim ed less git procps openssl openssh-client"

wanted=""
for task in "$@"; do
  case "$task" in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $build $test" ;;
    bench) wanted="$wanted $build $bench $agents" ;;
    *) echo "setup: unknown task '$task'; use build, test or bench" >&2; exit 2 ;;
  esac
done

if ! command -v swift >/dev/null; then
  echo "setup: Swift 6.2 or newer is needed and was not found in PATH; see https://www.swift.org/install/linux" >&2
  exit 1
fi
if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian; install the equivalents of:$wanted" >&2
  exit 0
fi

missing=""
for package in $wanted; do
  state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
  case "$state" in *"ok installed") ;; *) case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac ;; esac
done
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: install these as root:$missing" >&2; exit 1; }
  as_root="sudo"
fi
echo "setup: installing$missing"
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
