// Package corpus makes and reads corpora: files with many signed messages as a
// network would see them, for measurements and for tests of the whole node.
//
// [Generate] writes one and [Reader] reads it. A corpus depends on nothing but
// its options: never on the clock, on the machine or on the number of cores. It
// is a text of lines, each a JSON object whose members stand in a fixed order:
//
//	{"aleph_corpus":1,…}                      the [Header], padded with blanks
//	{"expect":"processed","message":{…}}      an envelope, and what becomes of it
//	{"file":"…"}                              the bytes of a file, in base64
//	{"barrier":true}                          everything before must be decided
//
// What becomes of a message is processed, or the code of its rejection. One that
// a later FORGET names counts as forgotten in the header.
//
// The corpus is of a network of its own, whose authorities have keys made of the
// seed: whoever replays it runs a node of the header's network.
package corpus

import (
	"strconv"

	"aleph/message"
)

// Version is the version of the format and of the generator: the same version
// makes the same bytes of the same options.
const Version = 2

// headerSize is the length of the header's line. What is expected is known at
// the end, so the place is kept free at the beginning.
const headerSize = 8 << 10

// Header is the first line of a corpus.
type Header struct {
	Version int    `json:"aleph_corpus"`
	Seed    uint64 `json:"seed"`
	// Messages are the lines with a message, Copies those of them that repeat
	// one, and Files the lines with a file.
	Messages int `json:"messages"`
	Copies   int `json:"copies"`
	Files    int `json:"files"`
	// OrderFree says that the lines after the last barrier lead to the same
	// state in any order.
	OrderFree bool `json:"order_free"`
	// Window is how many lines may be in work at once without a change of what
	// is expected: what a line relies on is further away, or is waited for.
	Window int `json:"window"`
	// Clock is the time at which the corpus is read, after all its messages.
	Clock message.Timestamp `json:"clock"`
	// Mix holds the weights of the kinds.
	Mix Mix `json:"mix"`
	// Expected counts the messages by what has become of them in the end.
	Expected Outcomes        `json:"expected"`
	Network  message.Network `json:"network"`
}

// Outcomes counts messages by where they stand in the end.
type Outcomes struct {
	Processed int `json:"processed"`
	Forgotten int `json:"forgotten"`
	// Rejected counts by the code of the rejection.
	Rejected map[message.Code]int `json:"rejected"`
}

// Line is a line after the header: exactly one of Message, File and Barrier.
type Line struct {
	// Expect is what becomes of the message.
	Expect Expectation
	// Message is the envelope, which may be one that no node accepts.
	Message []byte
	File    []byte
	Barrier bool
}

// Expectation is what becomes of a message: [Processed], or the decimal code of
// its rejection.
type Expectation string

// Processed is the expectation that a message is accepted.
const Processed Expectation = "processed"

// Refused is the expectation of a rejection.
func Refused(code message.Code) Expectation { return Expectation(strconv.Itoa(int(code))) }

// Code returns the code of an expected rejection; false for [Processed].
func (e Expectation) Code() (message.Code, bool) {
	code, err := strconv.Atoi(string(e))
	return message.Code(code), err == nil
}
