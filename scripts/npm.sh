#!/bin/sh
# Installs the npm packages of a folder, unless they stand as its lock file says.
# usage: npm.sh FOLDER
set -eu
cd "$1"
stamp=node_modules/.installed
if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
	exit 0
fi
npm ci --no-fund --no-audit --loglevel=error </dev/null
cp package-lock.json "$stamp"
