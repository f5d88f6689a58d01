package account_test

import (
	"fmt"
	"os"

	"aleph/account"
	"aleph/message"
)

func ExampleSign() {
	key, err := account.ImportKey(message.ChainEthereum, "test test test test test test test test test test test junk")
	if err != nil {
		fmt.Println(err)
		return
	}
	content := `{"address":"` + string(key.Address()) + `","time":1700000000,"type":"blog"}`
	m := &message.Message{
		Type: message.TypePost, ItemType: message.ItemInline, ItemContent: content,
		ItemHash: message.HashOf([]byte(content)), Time: 1700000000_000000,
	}
	if err := account.Sign(key, m); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Chain, m.Sender, account.Verify(m))
	m.ItemHash = message.HashOf([]byte("something else"))
	fmt.Println(account.Verify(m) != nil)
	// Output:
	// ETH 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 <nil>
	// true
}

// Formatting a key never shows its secret.
func ExampleKey() {
	key, err := account.ImportKey(message.ChainSolana, "0x1111111111111111111111111111111111111111111111111111111111111111")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%v\n%+v\n", key, *key)
	// Output:
	// SOL F25s3DdjXdCxYBhh2z8FBusVEMT4b9bGNFVKJi3wFoF4
	// SOL F25s3DdjXdCxYBhh2z8FBusVEMT4b9bGNFVKJi3wFoF4
}

func ExampleKeystore() {
	dir, err := os.MkdirTemp("", "keys-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	keys := account.OpenKeystore(dir)
	made, err := keys.Create("work", message.ChainEthereum, "a long passphrase")
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := keys.Get("", "a long passphrase") // the default key
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key.Address() == made.Address())
	_, err = keys.Get("work", "another one")
	fmt.Println(err)
	// Output:
	// true
	// open account work: forbidden: the passphrase is wrong, or the file was changed
}
