package account

import (
	"fmt"
	"strings"

	"aleph/message"
)

// Account signs for one address.
type Account interface {
	// Chain is the chain whose signature scheme the account uses.
	Chain() message.Chain
	// Address is the account's name, in the spelling that it signs with.
	Address() message.Address
	// Sign returns the signature of buffer in the form that goes into
	// [message.Message.Signature].
	Sign(buffer []byte) (signature string, err error)
}

// Sign makes a the sender of m: it fills Sender, Chain and Signature. Type and
// ItemHash must be set, since the signature covers them, and Time for a
// [MessageSigner]. // spec messages 2.2
func Sign(a Account, m *message.Message) error {
	if m.Type == "" || m.ItemHash == "" {
		return fmt.Errorf("%w: sign message: type and item hash must be set first", message.ErrInvalid)
	}
	signed := *m
	signed.Sender, signed.Chain = a.Address(), a.Chain()
	var signature string
	var err error
	if whole, ok := a.(MessageSigner); ok {
		signature, err = whole.SignMessage(&signed)
	} else {
		signature, err = a.Sign(signed.SigningBuffer())
	}
	if err != nil {
		return fmt.Errorf("sign message %s as %s: %w", m.ItemHash, a.Address(), err)
	}
	m.Sender, m.Chain, m.Signature = signed.Sender, signed.Chain, signature
	return nil
}

// Verify reports whether the signature of m is its sender's. It returns nil, or
// a [*message.Rejection]: [message.CodeInvalidSignature] when it is not, or
// [message.CodeInvalidFormat] when nobody can tell since the chain has no
// verifier here. It needs nothing but the envelope and the processor.
// // spec messages 2.1, 2.3, Q-02
func Verify(m *message.Message) error {
	s, err := schemeOf(m.Chain)
	if err != nil {
		return message.Reject(message.CodeInvalidFormat, "signature of chain %s can not be verified: %s", clip(string(m.Chain)), err)
	}
	if m.Signature == "" {
		return message.Reject(message.CodeInvalidSignature, "message is not signed")
	}
	if err := s.verify(m); err != nil {
		return message.Reject(message.CodeInvalidSignature, "signature of %s is not valid: %s", clip(string(m.Sender)), err)
	}
	return nil
}

// CheckAddress returns nil when an address is well formed for a chain, so that
// it could be a sender's, else why not. The error is [message.ErrInvalid].
// // spec messages 2.12
func CheckAddress(chain message.Chain, address message.Address) error {
	s, err := schemeOf(chain)
	if err != nil {
		return err
	}
	if err := s.checkAddress(address); err != nil {
		return fmt.Errorf("address %q of chain %s: %w", clip(string(address)), chain, err)
	}
	return nil
}

// reasonError is an error of kind [message.ErrInvalid] with a text of its own.
type reasonError struct{ text string }

func (e *reasonError) Error() string { return e.text }
func (e *reasonError) Unwrap() error { return message.ErrInvalid }

func reason(format string, args ...any) error {
	return &reasonError{clip(fmt.Sprintf(format, args...))}
}

// clip shortens what comes from a stranger and goes into a text for people.
func clip(text string) string {
	const most = 200 // bytes, more than any address has
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
