#!/bin/sh
# Everything that must hold: builds, go vet, every test with cgo, without it those
# whose code differs, and with another clock those that know about time. Installs
# what is missing. Uses free ports only.
set -eu
cd "$(dirname "$0")/.."
began=$(date +%s)
step() { printf '\n== %s (%ds)\n' "$*" $(($(date +%s) - began)); }

step "installing what is missing"
scripts/parts.sh
scripts/npm.sh test/conformance

step "building, with and without cgo"
scripts/build.sh
CGO_ENABLED=0 go build ./...

step "go vet"
go vet ./...

# The log is kept for the summary; the status of go test is what counts.
mkdir -p build
log=build/test.log
: >"$log"
failed=0
tests() {
	{ "$@" 2>&1 || echo "failed: $*"; } | tee -a "$log"
}

step "tests"
table=$PWD/build/conformance.txt
crash=$PWD/build/crash.txt
replicas=$PWD/build/replicas.txt
rm -f "$table" "$crash" "$replicas"
tests env ALEPH_CONFORMANCE_TABLE="$table" ALEPH_CRASH_COUNT="$crash" ALEPH_REPLICAS_COUNT="$replicas" go test -shuffle=on -timeout 25m ./...

step "tests of what differs without cgo"
tests env CGO_ENABLED=0 go test -shuffle=on -timeout 10m ./account/... ./message/... ./internal/node/store/...

step "tests of messages and of the node as if it were another year"
for day in 2027-06-01 2030-01-01; do
	tests scripts/clock.sh "$day" ./message/... ./internal/node/pricing ./internal/node/apply ./internal/node/ingest ./internal/node/api
done

step "summary"
[ ! -f "$table" ] || { echo "the official TypeScript client against aleph local:"; cat "$table"; echo; }
[ ! -f "$crash" ] || { echo "crash test (make crash runs more cycles):"; cat "$crash"; echo; }
[ ! -f "$replicas" ] || { cat "$replicas"; echo; }
passed=$(grep -c '^ok ' "$log" || :)
failed=$(grep -c '^FAIL	' "$log" || :)
broken=$(grep -c '^failed: ' "$log" || :)
grep -E '^(FAIL|failed:|--- FAIL)' "$log" | sort -u || :
echo "$(($(date +%s) - began)) seconds; the whole log is $log"
echo "packages: $passed passed, $failed failed"
[ "$broken" -eq 0 ]
