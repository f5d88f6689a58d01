package conformance_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	random "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cosmos/go-bip39"
	"github.com/mr-tron/base58"

	"aleph/account"
	"aleph/message"
)

// keysOfChain is how many keys of each chain sign.
const keysOfChain = 3

// withoutPackage are the legal chains that no published package signs for.
func withoutPackage() []message.Chain { return []message.Chain{"AURORA", "NULS", "STT"} }

// The published package of each chain and we agree about signatures in both
// directions, vectors and mnemonics. The keys are new in each run, and
// ALEPH_TEST_SEED repeats one. // spec messages 2, clients 2.7
func TestOfficialChains(t *testing.T) {
	t.Parallel()
	installPackages(t)
	p := startPackages(t)
	source := random.New(random.NewPCG(seedOf(t), 0))
	for _, chain := range message.Chains() {
		keys := keysOfChain
		switch {
		case slices.Contains(withoutPackage(), chain):
			continue
		case chain.Family() == message.FamilyEVM && chain != "ETH" && chain != "BASE":
			keys = 1 // the same package signs for them all
		}
		for range keys {
			exchange(t, p, source, chain)
		}
	}
	t.Run("vectors", func(t *testing.T) { checkVectors(t, p.in(t)) })
	t.Run("mnemonics", func(t *testing.T) { checkMnemonics(t, p.in(t), source) })
	t.Run("document", func(t *testing.T) { checkDocument(t, p.in(t)) })
}

// seedOf returns what the run's keys are made of.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("ALEPH_TEST_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return seed
	}
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails
	seed := binary.BigEndian.Uint64(raw[:])
	t.Logf("ALEPH_TEST_SEED=%d repeats this run", seed)
	return seed
}

// exchange has both sides sign with one key, in both forms.
func exchange(t *testing.T, p *packages, source *random.Rand, chain message.Chain) {
	t.Helper()
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = byte(source.Uint32())
	}
	secret[0] &= 0x7f // below the order of every curve
	key, err := account.ImportKey(chain, secretText(t, chain, source.IntN(3), secret))
	if err != nil {
		t.Fatal(err)
	}
	theirKey := key.Secret()
	if chain.Family() == message.FamilySolana || chain.Family() == message.FamilyAvalanche {
		theirKey = fmt.Sprintf("0x%x", secret) // the form that the package reads
	}
	var theirs message.Address
	if err := p.ask(question{Op: "address", Chain: chain, Key: theirKey}, &theirs); err != nil || theirs != key.Address() {
		t.Errorf("%s: the key is %s to the package, and %s to us: %v", chain, theirs, key.Address(), err)
	}
	types := message.Types()
	for form, signer := range map[string]account.Account{"key": key, "wallet": key.Wallet(account.WalletDApp)} {
		if form == "wallet" && chain != "DOT" && chain != "TEZOS" {
			continue // nothing else
		}
		m := &message.Message{
			Chain: chain, Sender: key.Address(), Type: types[source.IntN(len(types))],
			ItemHash: message.HashOf(secret), Time: message.Timestamp(source.Int64N(4e15)) / 1000 * 1000,
		}
		q := about("sign", m)
		q.Key, q.Form = theirKey, form
		if err := p.ask(q, &m.Signature); err != nil {
			t.Errorf("%s, %s: %v", chain, form, err)
			continue
		}
		if err := account.Verify(m); err != nil {
			t.Errorf("%s, %s: they signed %s, and we: %v", chain, form, m.Signature, err)
		}
		if err := account.Sign(signer, m); err != nil {
			t.Fatal(err)
		}
		if ok, err := p.verifies(m); !ok || err != nil {
			t.Errorf("%s, %s: we signed %s, and they: %t, %v", chain, form, m.Signature, ok, err)
		}
		m.ItemHash = message.HashOf([]byte(m.Signature))
		if ok, err := p.verifies(m); ok && err == nil {
			t.Errorf("%s, %s: they take our signature for another hash", chain, form)
		}
	}
}

// secretText is a key in a form that says its curve, where there are several.
func secretText(t *testing.T, chain message.Chain, curve int, secret []byte) string {
	t.Helper()
	if chain != "TEZOS" || curve == 0 {
		return fmt.Sprintf("0x%x", secret)
	}
	prefix := [][]byte{nil, {0x11, 0xa2, 0xe0, 0xc9}, {0x10, 0x51, 0xee, 0xbd}}[curve] // spsk, p2sk
	data := slices.Concat(prefix, secret)
	once := sha256.Sum256(data)
	twice := sha256.Sum256(once[:])
	return base58.Encode(append(data, twice[:4]...))
}

// checkVectors has the packages verify our vectors. // spec messages 2.4–2.11
func checkVectors(t *testing.T, p *packages) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "account", "testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Of, Signature string
		Chain               message.Chain
		Sender              message.Address
		Type                message.Type
		ItemHash            message.Hash `json:"item_hash"`
		Time                float64
		Valid               bool
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range vectors {
		// Variants are for nodes: libraries differ about some of their spellings.
		flipped := strings.Contains(v.Name, ": flipped ")
		if slices.Contains(withoutPackage(), v.Chain) || v.Of != "" && !flipped || v.Of == "" && !v.Valid {
			continue
		}
		m := &message.Message{
			Chain: v.Chain, Sender: v.Sender, Type: v.Type, ItemHash: v.ItemHash,
			Time: message.TimestampFromSeconds(v.Time), Signature: v.Signature,
		}
		ok, err := p.verifies(m)
		if v.Valid && (!ok || err != nil) || !v.Valid && ok && err == nil {
			t.Errorf("%s: %t, %v, want %t", v.Name, ok, err, v.Valid)
		}
		checked++
	}
	t.Logf("%d vectors", checked)
}

// checkMnemonics compares the accounts that both sides make of words, with the
// paths of Substrate. // spec clients 2.7
func checkMnemonics(t *testing.T, p *packages, source *random.Rand) {
	t.Helper()
	for _, size := range []int{16, 32} {
		entropy := make([]byte, size)
		for i := range entropy {
			entropy[i] = byte(source.Uint32())
		}
		words, err := bip39.NewMnemonic(entropy)
		if err != nil {
			t.Fatal(err)
		}
		for _, chain := range []message.Chain{"ETH", "BASE", "SOL", "DOT", "CSDK", "NULS2", "TEZOS", "AVAX"} {
			compareMnemonic(t, p, chain, words)
		}
		for _, path := range []string{
			"//hard", "/soft", "//0/1//two/three", fmt.Sprintf("//%d/%d", source.Uint64(), source.Uint32()), "///password", "//é/ü///ö ä",
			"/" + strings.Repeat("x", 31), "//" + strings.Repeat("y", 32), "/" + strings.Repeat("z", 63), "//" + strings.Repeat("€", 40),
		} {
			compareMnemonic(t, p, "DOT", words+path)
		}
	}
}

func compareMnemonic(t *testing.T, p *packages, chain message.Chain, words string) {
	t.Helper()
	key, err := account.ImportKey(chain, words)
	if err != nil {
		t.Errorf("%s: %s: %v", chain, words, err)
		return
	}
	var theirs message.Address
	if err := p.ask(question{Op: "address", Chain: chain, Mnemonic: words}, &theirs); err != nil || theirs != key.Address() {
		t.Errorf("%s: %s is %s to the package, and %s to us: %v", chain, words, theirs, key.Address(), err)
	}
}
