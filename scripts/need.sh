#!/bin/sh
# Installs Debian packages, only those that are missing.
# usage: need.sh COMMAND_OR_FILE:PACKAGE...
# A package is missing when its command is not on the path, or its file (an
# argument that begins with /) does not exist.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
missing=
for pair in "$@"; do
	thing=${pair%%:*}
	case $thing in
	/*) [ -e "$thing" ] ;;
	*) command -v "$thing" >/dev/null 2>&1 ;;
	esac || missing="$missing ${pair##*:}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing:$missing. This is not a Debian system: install what provides them, then try again." >&2
	exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1; then
		echo "missing:$missing. Install them as root: apt-get install$missing" >&2
		exit 1
	fi
	as_root=sudo
fi

echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words are wanted
apt() { $as_root apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null; }
apt update
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing >/dev/null
