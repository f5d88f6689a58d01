package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ContractEvent is what a smart contract emitted to publish a message.
// // spec messages 4.9
type ContractEvent struct {
	Chain   Chain
	Address Address // who called the contract
	// Type is the type of the message, or STORE_IPFS, whose content is a CID.
	Type    string
	Content string
	// Time is what the payload says, BlockTime what the chain says.
	Time, BlockTime Timestamp
}

// storeIPFS is the type of an event that stands for a STORE.
const storeIPFS = "STORE_IPFS"

// Synthesize returns the message of a contract's event. It has no signature:
// that the contract emitted it vouches for its sender. What the event says is
// checked like any envelope; the error is a [*Rejection]. // spec messages 4.9
func Synthesize(e ContractEvent) (*Message, error) {
	content := e.Content
	if e.Type == storeIPFS {
		e.Type = string(TypeStore)
		content = `{"address": ` + asciiQuoted(string(e.Address)) + `, "time": ` + floatText(e.Time) +
			`, "item_type": "ipfs", "item_hash": ` + asciiQuoted(e.Content) + `}`
	}
	envelope, err := json.Marshal(map[string]any{
		"item_hash": HashOf([]byte(content)), "sender": e.Address, "chain": e.Chain, "signature": nil, "type": e.Type,
		"item_content": content, "item_type": ItemInline, "channel": nil, "time": e.BlockTime,
	})
	if err != nil {
		return nil, &Rejection{Code: CodeInvalidFormat, Errors: []any{"the event cannot be written as a message"}, Err: err}
	}
	return ParseEnvelope(envelope)
}

// asciiQuoted writes a text as other nodes do: what is not ASCII is escaped as UTF-16,
// what only HTML minds is not.
func asciiQuoted(text string) string {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // texts always encode
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(plain.String(), "\n") {
		switch {
		case r < utf8.RuneSelf:
			out.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

// floatText writes seconds with the fewest digits that say the same, and at least
// one after the point.
func floatText(t Timestamp) string {
	text := strconv.FormatFloat(t.Seconds(), 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}
