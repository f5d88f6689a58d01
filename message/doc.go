// Package message is the vocabulary of the Aleph network: the signed envelope
// and its contents, item hashes, addresses, statuses and rejection codes.
//
// The types to know are [Message] (the envelope), [Content] (what it says, one
// concrete type per [Type]), [Hash] (how anything is named) and [Rejection]
// (why a message will not be processed).
//
// The package is pure: it reads and writes no file, opens no connection and
// starts no goroutine. Values are safe to copy; none is safe for concurrent
// mutation.
//
// It implements chapters 1, 3 and 4.6 of docs/spec/messages.md.
package message
