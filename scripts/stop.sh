#!/bin/sh
# Ends the cloud that run.sh started, and nothing else.
set -eu
cd "$(dirname "$0")/.."
. scripts/cloud.sh

if pid=$(cloud_pid); then
	stop_cloud
	echo "the local cloud (process $pid) has ended; its data is kept in $cloud/data"
else
	rm -f "$cloud/pid"
	echo "no local cloud is running from here"
fi
