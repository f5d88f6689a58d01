package corpus_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"aleph/account"
	"aleph/internal/bench/corpus"
	"aleph/message"
)

// generate makes a corpus in a folder of its own.
func generate(t *testing.T, opts corpus.Options) (path string, header corpus.Header) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "corpus.ndjson")
	header, err := corpus.Generate(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	return path, header
}

// lines reads a corpus.
func lines(t *testing.T, path string) (corpus.Header, []corpus.Line) {
	t.Helper()
	r, err := corpus.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var list []corpus.Line
	for {
		raw, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.Header, list
		}
		if err != nil {
			t.Fatal(err)
		}
		line, err := corpus.ParseLine(raw)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, line)
	}
}

// The same options make the same bytes, others make other bytes.
func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	read := func(opts corpus.Options) []byte {
		path, _ := generate(t, opts)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	opts := corpus.Options{Messages: 1200, Seed: 7}
	first := read(opts)
	if !bytes.Equal(first, read(opts)) {
		t.Error("two generations differ")
	}
	opts.Seed = 8
	if bytes.Equal(first, read(opts)) {
		t.Error("two seeds make the same corpus")
	}
}

// A corpus has what its header says: counts, chains, types, signatures.
func TestCorpusIsWhatItSays(t *testing.T) {
	t.Parallel()
	mix := maps.Clone(corpus.UsualMix())
	mix["reject"], mix["vprogram"], mix["copy"] = 100, 20, 60
	path, made := generate(t, corpus.Options{Messages: 3000, Seed: 3, Mix: mix})
	header, list := lines(t, path)
	if header.Network.Authorities.Settings != made.Network.Authorities.Settings || header.Clock != made.Clock ||
		header.Network.Cutoffs != made.Network.Cutoffs {
		t.Errorf("the header is read as %+v, want %+v", header, made)
	}
	seen := map[message.Hash]bool{}
	chains, types := map[message.Chain]int{}, map[message.Type]int{}
	codes := map[message.Code]int{}
	var messages, files, copies, accepted int
	for _, line := range list {
		if line.File != nil {
			files++
		}
		if line.Message == nil {
			continue
		}
		messages++
		m, err := message.ParseEnvelope(line.Message)
		code, refused := line.Expect.Code()
		if err != nil {
			if code != message.CodeInvalidFormat {
				t.Errorf("%s: %v, and expected is %s", line.Message, err, line.Expect)
			}
			codes[code]++
			continue
		}
		checkSignature(t, m, line.Expect)
		chains[m.Chain]++
		types[m.Type]++
		switch {
		case seen[m.ItemHash]:
			copies++
		case refused:
			codes[code]++
		default:
			accepted++
		}
		seen[m.ItemHash] = true
	}
	if messages != header.Messages || files != header.Files || copies != header.Copies {
		t.Errorf("%d messages, %d copies, %d files; the header says %d, %d, %d", messages, copies, files, header.Messages, header.Copies, header.Files)
	}
	if accepted != header.Expected.Processed+header.Expected.Forgotten || !maps.Equal(codes, header.Expected.Rejected) {
		t.Errorf("%d are accepted and %v refused; the header expects %+v", accepted, codes, header.Expected)
	}
	for _, chain := range message.Chains() {
		if chain.Family() != message.FamilyNone && chains[chain] == 0 {
			t.Errorf("nobody signs with chain %s", chain)
		}
	}
	if share := chains[message.ChainEthereum] * 100 / messages; share < 60 || share > 90 {
		t.Errorf("%d %% are of Ethereum", share)
	}
	for _, typ := range message.Types() {
		if types[typ] == 0 {
			t.Errorf("there is no %s", typ)
		}
	}
}

// checkSignature demands that signatures are as good as expected.
func checkSignature(t *testing.T, m *message.Message, expect corpus.Expectation) {
	t.Helper()
	err := account.Verify(m)
	code := message.Code(-2)
	if rej, ok := errors.AsType[*message.Rejection](err); ok {
		code = rej.Code
	}
	wantBad := expect == corpus.Refused(message.CodeInvalidSignature) || m.Chain.Family() == message.FamilyNone
	if (err != nil) != wantBad || wantBad && corpus.Refused(code) != expect {
		t.Errorf("signature of %s on %s: %v, expected %s", m.ItemHash, m.Chain, err, expect)
	}
}

// What depends on order is left out when it is asked for.
func TestOrderFree(t *testing.T) {
	t.Parallel()
	_, header := generate(t, corpus.Options{Messages: 400, Seed: 1, OrderFree: true})
	if !header.OrderFree {
		t.Error("the header does not say that order does not matter")
	}
	for _, k := range corpus.Kinds() {
		if _, has := header.Mix[k.Name]; has == k.Races {
			t.Errorf("kind %s: in the mix is %v, depends on order is %v", k.Name, has, k.Races)
		}
	}
}

func TestParseMix(t *testing.T) {
	t.Parallel()
	mix, err := corpus.ParseMix("post=5, store=0")
	if err != nil || mix["post"] != 5 || mix["store"] != 0 || mix["amend"] != corpus.UsualMix()["amend"] {
		t.Errorf("%v %v", mix, err)
	}
	for _, text := range []string{"posts=5", "post", "post=-1", "post=x"} {
		if _, err := corpus.ParseMix(text); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "c")
	if _, err := corpus.Generate(t.Context(), out, corpus.Options{Messages: corpus.LeastMessages - 1}); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("a small corpus: %v", err)
	}
	nothing := corpus.Mix{}
	if _, err := corpus.Generate(t.Context(), out, corpus.Options{Messages: 200, Mix: nothing}); !errors.Is(err, message.ErrInvalid) {
		t.Errorf("a corpus of nothing: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("a failed generation leaves %v %v", left, err)
	}
	for name, text := range map[string]string{"empty": "", "cut": `{"aleph_corpus":1`, "other": "{}\n", "newer": `{"aleph_corpus":99}` + "\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := corpus.Open(path); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "{}", `{"file":"%"}`, `{"expect":"processed"}`, `{"barrier":false}`} {
		if _, err := corpus.ParseLine([]byte(text)); !errors.Is(err, message.ErrInvalid) {
			t.Errorf("line %q: %v", text, err)
		}
	}
}

// Kinds have names of their own.
func TestKinds(t *testing.T) {
	t.Parallel()
	var names []string
	for _, k := range corpus.Kinds() {
		names = append(names, k.Name)
		if k.Doc == "" || k.Weight <= 0 {
			t.Errorf("kind %s says nothing", k.Name)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("kinds %v", names)
	}
}
