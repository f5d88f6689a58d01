package api

import (
	"time"

	"aleph/message"
)

// lateMessage is how long after a change of what must be paid for a message
// from before it is still taken: clocks differ, and people sign slowly.
const lateMessage = message.Timestamp(time.Hour / time.Microsecond)

// parseMessage reads a message that somebody sends to this node. Nothing signs
// the time of an envelope, and what must be paid for depends on it: who sends a
// message now cannot have it judged by the rules of another time. Messages from
// other nodes are not asked, since all nodes must agree on them.
// // spec messages Q-38
func (a *API) parseMessage(envelope []byte) (*message.Message, error) {
	m, err := message.ParseEnvelope(envelope)
	if err != nil {
		return nil, err
	}
	switch m.Type {
	case message.TypePost, message.TypeAggregate, message.TypeForget:
		return m, nil // free at any time
	case message.TypeStore, message.TypeProgram, message.TypeInstance, message.TypeVProgram:
	}
	if now := message.TimestampOf(a.Now()); a.Network.Cutoffs.PaymentChanged(m.Time, now-lateMessage) {
		return nil, message.Reject(message.CodeInvalidFormat,
			"the message is of %s, and what must be paid for has changed since: send it with the current time",
			m.Time.Time().Format(time.DateOnly))
	}
	return m, nil
}
