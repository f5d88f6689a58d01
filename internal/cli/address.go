package cli

import (
	"aleph/account"
	"aleph/message"
)

// parseAddress reads an address that the user typed.
func parseAddress(text string) (message.Address, error) {
	address := message.Address(text)
	if err := account.CheckOwner(address); err != nil {
		return "", usagef("%w", err)
	}
	return address, nil
}

// addressFlag is a flag whose value is an address, or empty.
type addressFlag string

func (f *addressFlag) String() string { return string(*f) }

// Type is what stands behind the flag in help.
func (f *addressFlag) Type() string { return "string" }

// Set refuses what is the address of no chain.
func (f *addressFlag) Set(text string) error {
	if text == "" {
		*f = ""
		return nil
	}
	address, err := parseAddress(text)
	*f = addressFlag(address)
	return err
}
