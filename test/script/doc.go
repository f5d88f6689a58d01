// Package script runs the program as its users do: each file under offline and
// cloud is one session with its commands and what they must print.
//
// The scripts under offline need no network. Those under cloud share one local
// cloud, which $ALEPH_API, $ALEPH_COMPUTE and $ALEPH_KEY_FILE point at; each
// script publishes on a channel of its own, named by $CHANNEL. A new script is a
// new file: nothing else has to be told.
//
// Expected outputs in a script are written again with
//
//	go test ./test/script -update
package script
