package message_test

import (
	"errors"
	"testing"

	"aleph/message"
)

// TestSynthesizeStore is the worked example. // spec messages 4.9
func TestSynthesizeStore(t *testing.T) {
	t.Parallel()
	e := message.ContractEvent{
		Chain: "TEZOS", Address: "KT1VBeLD7hzKpj17aRJ3Kc6QQFeikCEXi7W6", Type: "STORE_IPFS",
		Content: "QmaMLRsvmDRCezZe2iebcKWtEzKNjBaQfwcu7mcpdm8eY2",
		Time:    message.TimestampFromSeconds(1668611900), BlockTime: message.TimestampFromSeconds(1668611907),
	}
	m, err := message.Synthesize(e)
	if err != nil {
		t.Fatal(err)
	}
	if m.ItemHash != "1eb440938336b13e7e4ad3f9ebea6de8dbf7fcbdba4c8861ea0a4f70e19e777d" {
		t.Errorf("item hash %s of %s", m.ItemHash, m.ItemContent)
	}
	if m.Sender != e.Address || m.Chain != e.Chain || m.Type != message.TypeStore || m.ItemType != message.ItemInline ||
		m.Signature != "" || m.Channel != nil || m.Time != e.BlockTime {
		t.Errorf("got %+v", m)
	}
	c, ok := m.Content.(*message.Store)
	if !ok || c.ItemHash != message.Hash(e.Content) || c.Address != e.Address || c.Time != e.Time || c.ItemType != message.ItemIPFS {
		t.Errorf("content %+v", m.Content)
	}
}

func TestSynthesizeVerbatim(t *testing.T) {
	t.Parallel()
	content := `{ "address":"0xABC",  "time":1.50, "key":"k", "content":{"é":"<>"} }`
	m, err := message.Synthesize(message.ContractEvent{
		Chain: "BSC", Address: "0xABC", Type: "AGGREGATE", Content: content, BlockTime: message.TimestampFromSeconds(1700000000.25),
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.ItemContent != content || m.ItemHash != message.HashOf([]byte(content)) || m.Time.Seconds() != 1700000000.25 {
		t.Errorf("got %+v", m)
	}
}

func TestSynthesizeRefuses(t *testing.T) {
	t.Parallel()
	good := message.ContractEvent{
		Chain: "TEZOS", Address: "KT1", Type: "STORE_IPFS", Content: "QmaMLRsvmDRCezZe2iebcKWtEzKNjBaQfwcu7mcpdm8eY2", BlockTime: 1,
	}
	for name, spoil := range map[string]func(*message.ContractEvent){
		"chain":   func(e *message.ContractEvent) { e.Chain = "NONE" },
		"type":    func(e *message.ContractEvent) { e.Type = "store_ipfs" },
		"CID":     func(e *message.ContractEvent) { e.Content = `Qm", "ref": "x` },
		"content": func(e *message.ContractEvent) { e.Type = "POST" },
		"address": func(e *message.ContractEvent) { e.Address = "a\x00b" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := good
			spoil(&e)
			m, err := message.Synthesize(e)
			if rej, ok := errors.AsType[*message.Rejection](err); !ok || rej.Code != message.CodeInvalidFormat {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
}
