package account_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"aleph/account"
	"aleph/message"
)

// vector is one entry of testdata/vectors.json, which docs/chains.md explains.
// // spec messages 2.4–2.11, clients 2.7
type vector struct {
	Name      string
	Of        string // the vector that this one is a variant of
	Chain     message.Chain
	Sender    message.Address
	Type      message.Type
	ItemHash  message.Hash `json:"item_hash"`
	Time      float64      // seconds, as in the envelope
	Signature string
	Valid     bool
	Code      message.Code
	Reason    string
	Key       string
	Wallet    string // the name of the application that a wallet showed
	Random    bool
	Content   string
}

func (v vector) message() *message.Message {
	return &message.Message{
		Sender: v.Sender, Chain: v.Chain, Type: v.Type, ItemHash: v.ItemHash,
		Time: message.TimestampFromSeconds(v.Time), Signature: v.Signature,
	}
}

// vectorNamed returns one of the vectors.
func vectorNamed(t testing.TB, name string) vector {
	t.Helper()
	all := vectors(t)
	i := slices.IndexFunc(all, func(v vector) bool { return v.Name == name })
	if i < 0 {
		t.Fatalf("there is no vector %q", name)
	}
	return all[i]
}

// vectors returns those that are no variant of another.
func vectors(t testing.TB) []vector {
	t.Helper()
	return slices.DeleteFunc(allVectors(t), func(v vector) bool { return v.Of != "" })
}

func allVectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	reader := json.NewDecoder(bytes.NewReader(raw))
	reader.DisallowUnknownFields()
	if err := reader.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// Every vector has the verdict that the file says.
func TestVectors(t *testing.T) {
	t.Parallel()
	all := allVectors(t)
	flipped := map[string]int{}
	seen := map[string]bool{}
	for _, v := range all {
		if seen[v.Name] {
			t.Errorf("two vectors are called %q", v.Name)
		}
		if seen[v.Name] = true; v.Of != "" && !seen[v.Of] {
			t.Errorf("%s: there is no %q before it", v.Name, v.Of)
		}
		if v.Reason == "" {
			t.Errorf("%s: does not say why", v.Name)
		}
		if strings.Contains(v.Name, ": flipped ") && !v.Valid {
			flipped[v.Of]++
		}
		err := account.Verify(v.message())
		if v.Valid {
			if err != nil {
				t.Errorf("%s: %v, although %s", v.Name, err, v.Reason)
			}
			continue
		}
		if r, ok := errors.AsType[*message.Rejection](err); !ok || r.Code != v.Code || len(r.Errors) != 1 {
			t.Errorf("%s: %v, want code %d: %s", v.Name, err, v.Code, v.Reason)
		}
	}
	for _, v := range all {
		if v.Of == "" && v.Valid && flipped[v.Name] != 3 {
			t.Errorf("%s: %d variants with a flipped signature, hash or sender, want 3", v.Name, flipped[v.Name])
		}
	}
}

// Where the file has a key, its address is the sender and it signs the same.
func TestVectorKeys(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if err := account.CheckAddress(v.Chain, v.Sender); (err == nil) != v.Valid {
			t.Errorf("%s: address: %v", v.Name, err)
		}
		if content := strings.ReplaceAll(v.Content, "ADDR", string(v.Sender)); content != "" {
			if got := message.HashOf([]byte(content)); got != v.ItemHash {
				t.Errorf("%s: item hash %s, want %s", v.Name, got, v.ItemHash)
			}
		}
		if v.Key == "" {
			continue
		}
		key, err := account.ImportKey(v.Chain, v.Key)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if key.Address() != v.Sender && v.Valid {
			t.Errorf("%s: the key is %s", v.Name, key.Address())
		}
		m := v.message()
		if m.Signature, err = signVector(key, v); err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if (m.Signature == v.Signature) == v.Random {
			t.Errorf("%s: signed %s, and random is %t", v.Name, m.Signature, v.Random)
		}
		if err := account.Verify(m); err != nil && v.Valid {
			t.Errorf("%s: own signature refused: %v", v.Name, err)
		}
	}
}

// signVector signs what a vector signs, which may name another sender.
func signVector(key *account.Key, v vector) (string, error) {
	if v.Wallet != "" {
		return key.Wallet(v.Wallet).SignMessage(v.message())
	}
	return key.Sign(v.message().SigningBuffer())
}
