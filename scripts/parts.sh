#!/bin/sh
# Installs the Debian packages that building, running and testing need.
set -eu
here=$(dirname "$0")

if ! command -v go >/dev/null 2>&1; then
	echo "missing: Go 1.26 or newer. Debian's own is too old: see https://go.dev/doc/install" >&2
	exit 1
fi

set -- \
	gcc:gcc /usr/include/stdio.h:libc6-dev \
	runsc:runsc mksquashfs:squashfs-tools mmdebstrap:mmdebstrap \
	redis-server:redis-server ip:iproute2 nft:nftables mkfs.ext4:e2fsprogs zip:zip curl:curl \
	node:nodejs npm:npm git:git \
	/etc/ssl/certs/ca-certificates.crt:ca-certificates
if [ "$(id -u)" -ne 0 ]; then
	set -- "$@" newuidmap:uidmap # mmdebstrap without root
fi
# The server's programs; which version a Debian has is not known before.
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || set -- "$@" /usr/lib/postgresql/none:postgresql
exec "$here/need.sh" "$@"
