#!/bin/sh
# Runs tests as if today were another day, to find those that depend on the date:
# scripts/clock.sh 2030-01-01 PACKAGES… [-args …]. What time.Now tells is moved, in
# tests and in the programs that they build, by a copy of one file of the standard
# library that this build alone uses; how time passes is not. PostgreSQL and files
# keep the machine's clock. The first run compiles everything anew.
set -eu
cd "$(dirname "$0")/.."
day=$1
shift
dir=$PWD/build/_clock # the underscore hides it from ./...
mkdir -p "$dir/now"
source=$(go env GOROOT)/src/time
awk '
	{ print }
	/^\tsec, nsec, mono := runtimeNow\(\)$/ && !done {
		print "\tif !runtimeIsBubbled() {\n\t\tsec += secondsAhead\n\t}"
		done = 1
	}
' "$source/time.go" >"$dir/time.go"
cat >"$dir/ahead.go" <<'GO'
package time

import "syscall"

// secondsAhead is how far time.Now is ahead of the machine's clock.
var secondsAhead = func() (seconds int64) {
	text, _ := syscall.Getenv("ALEPH_CLOCK_AHEAD")
	for _, digit := range []byte(text) {
		seconds = 10*seconds + int64(digit-'0')
	}
	return seconds
}()
GO
printf '{"Replace": {"%s/time.go": "%s/time.go", "%s/ahead.go": "%s/ahead.go"}}\n' "$source" "$dir" "$source" "$dir" >"$dir/overlay.json"
ahead=$(($(date -u -d "$day 12:00" +%s) - $(date +%s)))
[ "$ahead" -gt 0 ] || { echo "clock: $day is not in the future: name a later day" >&2; exit 1; }
export ALEPH_CLOCK_AHEAD="$ahead" GOFLAGS="-overlay=$dir/overlay.json"

printf 'package main\n\nimport "time"\n\nfunc main() { println(time.Now().UTC().Format(time.DateOnly)) }\n' >"$dir/now/main.go"
now=$(go run "$dir/now/main.go" 2>&1)
[ "$now" = "$day" ] || { echo "clock: programs say that it is $now, not $day: time.Now of $(go env GOVERSION) has another form, change scripts/clock.sh" >&2; exit 1; }
exec go test -vet=off -count=1 "$@"
