#!/bin/sh
# Builds bin/aleph, and bin/aleph-init, which is static because it runs in any
# root file system.
set -eu
cd "$(dirname "$0")/.."
mkdir -p bin
go build -o bin/aleph ./cmd/aleph
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/aleph-init ./cmd/aleph-init
