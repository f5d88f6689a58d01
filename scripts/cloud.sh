#!/bin/sh
# What run.sh and stop.sh know of the background cloud. To be sourced, in the
# root of the repository.

# The cloud's folder: data, ready.json (what it printed when ready), log, pid.
cloud=build/cloud

# The process, as "PID START": a number alone may by now belong to another
# process; with the time at which it started it cannot.
started_at() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# cloud_pid prints the number of the running cloud, or fails.
cloud_pid() {
	[ -f "$cloud/pid" ] || return 1
	read -r pid start <"$cloud/pid" || return 1
	[ -n "$start" ] && [ "$(started_at "$pid")" = "$start" ] || return 1
	echo "$pid"
}

# stop_cloud ends it and waits: a signal first, after half a minute the hard way.
stop_cloud() {
	pid=$(cloud_pid) || return 0
	kill -TERM "$pid" 2>/dev/null || :
	tries=300
	while cloud_pid >/dev/null; do
		tries=$((tries - 1))
		if [ $tries -eq 0 ]; then
			echo "process $pid does not end: killing it; its log is $cloud/log" >&2
			kill -KILL "$pid" 2>/dev/null || :
			break
		fi
		sleep 0.1
	done
	rm -f "$cloud/pid" "$cloud/ready.json"
}

# field prints a member of the JSON on standard input: field account.address
# shellcheck disable=SC2016 # the text is JavaScript
field() { node -e '
	let value = JSON.parse(require("fs").readFileSync(0, "utf8"))
	for (const key of process.argv[1].split(".")) value = value?.[key]
	if (value === undefined) { console.error(`no ${process.argv[1]} in the answer`); process.exit(1) }
	console.log(typeof value === "string" ? value : JSON.stringify(value))' "$1"; }
