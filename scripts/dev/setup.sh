#!/bin/sh
# setup.sh - install the Debian packages that a set of make targets needs.
# SPDX-License-Identifier: MIT
#
# usage: scripts/dev/setup.sh [build|test|fuzz|lint|bench]...
#
# Says nothing when nothing is missing. Otherwise installs as root, else
# through sudo; where there is neither, names the missing packages and exits 1.
set -eu

build='gcc libc6-dev make pkg-config libuv1-dev liblua5.4-dev libedit-dev
  libmimalloc-dev'

packages_of() {
  case $1 in
    build) echo "$build" ;;
    test) echo "$build g++ libcmocka-dev lua5.4 lua-busted procps spin tmux" \
      "lua-argparse lua-check lua-cjson lua-filesystem lua-lpeg lua-penlight" \
      "lua-socket" ;;
    fuzz) echo "$build clang libclang-rt-14-dev" ;;
    lint) echo "$build libcmocka-dev cppcheck clang-tidy clang-format" \
      "lua-check shellcheck" ;;
    bench) echo "$build golang-go lua5.4" ;;
    *)
      echo "setup.sh: no set '$1' (sets: build test fuzz lint bench)" >&2
      exit 2
      ;;
  esac
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

[ $# -gt 0 ] || set -- build

wanted=
for set_name in "$@"; do
  more=$(packages_of "$set_name")
  wanted="$wanted $more"
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup.sh: not a Debian system; make sure that it has what these" \
    "packages hold:$wanted" >&2
  exit 0
fi

missing=
for package in $wanted; do
  case " $missing " in *" $package "*) continue ;; esac
  is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
by_hand="apt-get update && apt-get install --no-install-recommends$missing"

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null; then
  as_root=sudo
else
  echo "setup.sh: these Debian packages are missing:$missing" >&2
  echo "setup.sh: there is neither root nor sudo here; as root, run:" >&2
  echo "  $by_hand" >&2
  exit 1
fi

apt() {
  $as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

echo "setup.sh: installing$missing" >&2
# shellcheck disable=SC2086  # a list of words
if ! { apt update && apt install -y --no-install-recommends $missing; } \
  >/dev/null
then
  echo "setup.sh: could not install; as root, run:" >&2
  echo "  $by_hand" >&2
  exit 1
fi
