package account

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"aleph/message"
)

// tezosContract begins the address of a contract, which owns what messages from
// its chain say and signs nothing. // spec messages 2.8
const tezosContract = "\x02\x5a\x79" // KT1

// CheckOwner returns nil when an address that a person typed could own
// something: it is well formed for one of the chains at least, or names a
// contract. Unlike [CheckAddress], which takes what nodes take, it refuses an
// address of Ethereum's family whose mixed case is not its checksum: most likely
// it was mistyped. The error is [message.ErrInvalid]. // spec messages 2.12
func CheckOwner(address message.Address) error {
	text := string(address)
	if (evm{}).checkAddress(address) == nil {
		if digits := text[2:]; digits == strings.ToLower(digits) || digits == strings.ToUpper(digits) || common.HexToAddress(text).Hex() == text {
			return nil
		}
		return reason("address %q is mistyped: its mixed case is not its checksum (write it in lower case if it is right)", clip(text))
	}
	for _, chain := range message.Chains() {
		if CheckAddress(chain, address) == nil {
			return nil
		}
	}
	if data, ok := decodeBase58Check(text); ok && strings.HasPrefix(string(data), tezosContract) && len(data) == len(tezosContract)+hash160Size {
		return nil
	}
	return reason("%q is the address of no chain", clip(text))
}
