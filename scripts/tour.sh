#!/bin/sh
# What a user does with a local cloud, against the one that run.sh started. Each
# command is printed before it runs. May be repeated.
set -eu
cd "$(dirname "$0")/.."
. scripts/cloud.sh

# The commands find a local cloud by themselves; here it must be this one.
ALEPH_API=$(field api <"$cloud/ready.json")
ALEPH_COMPUTE=$(field compute <"$cloud/ready.json")
ALEPH_KEY_FILE=$(field account.private_key_file <"$cloud/ready.json")
export ALEPH_API ALEPH_COMPUTE ALEPH_KEY_FILE
unset ALEPH_ACCOUNT
owner=$(field account.address <"$cloud/ready.json")
channel=tour-$(date +%s)

work=$(mktemp -d "$cloud/tour.XXXXXX")
watcher=
finish() {
	[ -z "$watcher" ] || kill "$watcher" 2>/dev/null || :
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[ -t 1 ] || title() { printf '\n# %s\n' "$1"; }

# aleph prints a command and runs it; its output is also kept in $work/answer.
aleph() {
	printf '$ aleph'
	for word in "$@"; do
		case $word in
		*[!A-Za-z0-9_./:=-]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	status=0
	bin/aleph "$@" >"$work/answer" || status=$?
	cat "$work/answer"
	return $status
}

title "Messages of this tour, watched as they are processed"
echo "$ aleph message watch --channel $channel --history 20 --json"
bin/aleph message watch --channel "$channel" --history 20 --json >"$work/watched" 2>"$work/watch.log" &
watcher=$!

title "A function: deploy a folder, call it twice"
aleph function deploy examples/hello-fastapi --json
url=$(field url <"$work/answer")
for path in "" "items/7?q=blue"; do
	echo "$ curl $url$path"
	curl --fail --silent --show-error --max-time 60 --write-out '  (%{http_code} in %{time_total} s)\n' "$url$path"
done

title "A file: upload, download, compare"
aleph file upload bin/aleph-init --channel "$channel" --json
aleph file download "$(field file_hash <"$work/answer")" --output "$work/copy"
cmp bin/aleph-init "$work/copy"
echo "$ cmp bin/aleph-init copy   # the same $(wc -c <"$work/copy") bytes"

title "A post: publish, amend, read"
aleph post create --type tour --channel "$channel" '{"title": "first words", "tags": ["tour"]}' --json
post=$(field item_hash <"$work/answer")
aleph post amend "$post" '{"title": "better words", "tags": ["tour"]}' --channel "$channel" --json
aleph post list --channel "$channel"

title "An aggregate: set, set again, read"
aleph aggregate set profile '{"name": "Alice", "theme": "light"}' --channel "$channel" --json
aleph aggregate set profile '{"theme": "dark"}' --channel "$channel" --json
aleph aggregate get profile --owner "$owner"

title "What the watcher saw"
expected=5 # a file, a post, its amend, two elements of an aggregate
tries=100
while [ "$(wc -l <"$work/watched")" -lt $expected ]; do
	tries=$((tries - 1))
	if [ $tries -eq 0 ]; then
		echo "$expected messages were published, $(wc -l <"$work/watched") arrived:" >&2
		cat "$work/watched" "$work/watch.log" >&2
		exit 1
	fi
	sleep 0.1
done
# shellcheck disable=SC2016 # the text is JavaScript
node -e '
	for (const line of require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n")) {
		const m = JSON.parse(line)
		console.log(`  ${new Date(m.time * 1000).toISOString()}  ${m.type.padEnd(9)}  ${m.item_hash}`)
	}' "$work/watched"
printf '%s\n' "$url" >"$cloud/function"
