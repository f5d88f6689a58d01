#!/bin/sh
# A whole local cloud in the background, and a tour of it as its user. What
# stands already is reused: packages, builds, a running cloud, its data.
# KEEP=1 ends after the start, without the tour.
set -eu
cd "$(dirname "$0")/.."
. scripts/cloud.sh

scripts/parts.sh
scripts/build.sh

# A cloud that runs an older binary is ended: its data is kept.
if pid=$(cloud_pid) && [ "$(readlink "/proc/$pid/exe")" != "$(pwd -P)/bin/aleph" ]; then
	echo "bin/aleph is newer than the running cloud: starting it again"
	stop_cloud
fi

if pid=$(cloud_pid); then
	echo "the local cloud runs already, process $pid"
else
	rm -f "$cloud/pid" "$cloud/ready.json"
	mkdir -p "$cloud/data"
	# Its own session: it outlives this script and the terminal.
	setsid bin/aleph local --json --data-dir "$cloud/data" \
		>"$cloud/ready.json" 2>"$cloud/log" </dev/null &
	pid=$!
	echo "$pid $(started_at "$pid")" >"$cloud/pid"

	tries=600
	while [ ! -s "$cloud/ready.json" ]; do
		tries=$((tries - 1))
		if ! cloud_pid >/dev/null || [ $tries -eq 0 ]; then
			echo "the local cloud did not start; the end of $cloud/log:" >&2
			tail -n 20 "$cloud/log" >&2
			stop_cloud
			exit 1
		fi
		sleep 0.1
	done
fi

[ "${KEEP:-}" = 1 ] || scripts/tour.sh

cat <<END

The local cloud keeps running (process $pid, log $cloud/log).
  node      $(field api <"$cloud/ready.json")
  compute   $(field compute <"$cloud/ready.json")
  account   $(field account.address <"$cloud/ready.json")
  key file  $(field account.private_key_file <"$cloud/ready.json")
  data      $(field data_dir <"$cloud/ready.json")
  function  $(cat "$cloud/function" 2>/dev/null || echo none)
End it with: make stop
END
