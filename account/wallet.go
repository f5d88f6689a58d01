package account

import (
	"unicode/utf8"

	"aleph/message"
)

// WalletDApp is the name that the network's own web clients give to wallets.
const WalletDApp = "https://aleph.im"

// MessageSigner is an account whose signature covers more of a message than
// [message.Message.SigningBuffer], which is all that [Account] is given.
type MessageSigner interface {
	Account
	// SignMessage returns the signature of m, whose Sender, Chain, Type,
	// ItemHash and Time are set.
	SignMessage(m *message.Message) (signature string, err error)
}

// Wallet signs in the form of its chain's wallets, which show a text to their
// owner: DOT wraps the buffer, TEZOS packs it with a name, the message's time
// and its own words. The wallets of other chains sign what keys sign, and so
// does a Wallet of theirs. Nodes take both forms. // spec messages 2.6, 2.8
type Wallet struct {
	*Key

	dApp string
}

var _ MessageSigner = (*Wallet)(nil)

// walletSigner is a key of a chain whose wallets have a form of their own.
type walletSigner interface {
	signShown(m *message.Message, dApp string) (string, error)
}

// Wallet returns an account that signs with k as a wallet does. The name dApp
// is who asks for the signature, usually [WalletDApp].
func (k *Key) Wallet(dApp string) *Wallet { return &Wallet{Key: k, dApp: dApp} }

// SignMessage signs m in the wallet's form.
func (w *Wallet) SignMessage(m *message.Message) (string, error) {
	key, ok := w.signer.(walletSigner)
	if !ok {
		return w.Key.Sign(m.SigningBuffer())
	}
	if !utf8.ValidString(w.dApp) {
		return "", reason("the name %q of the application is not UTF-8", w.dApp)
	}
	return key.signShown(m, w.dApp)
}
