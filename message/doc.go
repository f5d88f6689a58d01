// Package message is the vocabulary of the Aleph network: the signed envelope
// and its contents, item hashes, addresses, statuses and rejection codes.
//
// The types to know are [Message] (the envelope), [Content] (what it says, one
// concrete type per [Type]), [Hash] (how anything is named), [Rejection] (why a
// message will not be processed) and [Network] (whose word counts, since when).
//
//	bytes ──ParseEnvelope──► *Message ──Content──► *Post *Aggregate *Store *Forget
//	                            │                  *Program *Instance *VProgram
//	file  ──ParseFetchedContent─┘ storage, ipfs         │
//	                                                    ├─ Normalized: as the API shows it
//	                                                    └─ DerivedOf: what it is found by
//
// A parsed content holds the values that count: what the network coerces is
// coerced, what it defaults is filled in. Content.Raw keeps what was sent, byte
// for byte; that is what nodes store and hash.
//
// The network reads JSON by rules of its own, stricter than encoding/json in
// some places and looser in others; json.go has them, decode.go and coerce.go
// what a schema makes of them, and parse*.go one function per schema.
//
// The package is pure: it reads and writes no file, opens no connection and
// starts no goroutine. Values are safe to copy; none is safe for concurrent
// mutation, and parsed contents are never changed after parsing.
//
// It implements chapters 1 and 3, sections 4.6 and 8.1 and the appendices A and
// B of docs/spec/messages.md, and section 3.2 of docs/spec/ccn-http-api.md.
package message
