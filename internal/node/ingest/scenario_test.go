package ingest_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aleph/account"
	"aleph/internal/node/ingest"
	"aleph/internal/node/store"
	"aleph/message"
)

var update = flag.Bool("update", false, "rewrite the expected output of the scenarios")

// TestScenarios runs the files of testdata/scenario: commands, a line "----",
// and what they print. Time stands still but for the command "sleep".
//
//	put NAME SIGNER TYPE SECONDS JSON [channel=C] [sig=bad] [body=storage]
//	hash NAME TEXT        name the hash of bytes that are not there
//	file NAME TEXT        put bytes into the blob store, as a peer would
//	body NAME             put the content of a message with body=storage there
//	upload NAME TEXT      upload bytes without a message
//	upload NAME N bytes   upload that many
//	sleep DURATION
//	clean                 remove what nothing keeps
//	status NAME… · rejected NAME · forgotten NAME · post NAME · amends NAME
//	aggregate OWNER KEY · tag TAG · pins FILE · blob FILE · count [SIGNER] · pending
//
// In JSON, $NAME is the hash of a message or file, @SIGNER an address and
// %SIGNER the same in lower case; the output is written the same way. A machine gets the members it needs and does
// not have. The aggregates of the account "legacy" are never built.
func TestScenarios(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/scenario/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) {
				legacy := func(_ *ingest.Config, _ *store.Config, d *ingest.Deps) {
					d.Rules.NoAggregates = append(d.Rules.NoAggregates, named(t, "legacy").Address())
				}
				s := &scenario{t: t, n: start(t, legacy), keys: map[string]*account.Key{}, names: map[string]message.Hash{}, bodies: map[string]string{}}
				got = s.run(string(raw))
				s.n.stop()
			})
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(raw) {
				t.Errorf("%s differs (run with -update and look at the change):\n%s", path, firstDifference(string(raw), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %q\ngot  %q", i+1, at(w, i), at(g, i))
		}
	}
	return ""
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

type scenario struct {
	t     *testing.T
	n     *testNode
	keys  map[string]*account.Key
	names map[string]message.Hash
	// bodies are the contents of messages with body=storage.
	bodies map[string]string
}

// run executes a file and returns it with what it printed.
func (s *scenario) run(text string) string {
	var out strings.Builder
	blocks := strings.Split(strings.TrimRight(text, "\n"), "\n\n")
	for i, block := range blocks {
		commands, _, asks := strings.Cut(block, "\n----")
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(commands + "\n")
		var printed []string
		for line := range strings.SplitSeq(commands, "\n") {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if p := s.command(line); p != "" {
				printed = append(printed, p)
			}
		}
		if len(printed) > 0 || asks {
			out.WriteString("----\n" + strings.Join(printed, "\n") + "\n")
		}
	}
	return out.String()
}

func (s *scenario) command(line string) string {
	s.t.Helper()
	name, rest, _ := strings.Cut(line, " ")
	args := strings.Fields(rest)
	ctx := context.Background()
	switch name {
	case "put":
		return s.put(rest)
	case "hash":
		what, text, _ := strings.Cut(rest, " ")
		s.names[what] = message.HashOf([]byte(text))
		return ""
	case "file", "upload":
		what, text, _ := strings.Cut(rest, " ")
		if n, err := strconv.Atoi(strings.TrimSuffix(text, " bytes")); err == nil && strings.HasSuffix(text, " bytes") {
			text = strings.Repeat("x", n)
		}
		info, err := s.n.blobs.Put(ctx, strings.NewReader(text), int64(len(text)))
		if err != nil {
			s.t.Fatal(err)
		}
		s.names[what] = info.Hash
		if name == "upload" {
			if err := s.n.Upload(ctx, s.names[what], int64(len(text))); err != nil {
				return err.Error()
			}
		} else if err := s.n.Wake(ctx, s.names[what]); err != nil {
			return err.Error()
		}
		synctest.Wait()
		return ""
	case "body":
		hash := s.n.file(s.t, s.bodies[rest])
		if err := s.n.Wake(ctx, hash); err != nil {
			return err.Error()
		}
		synctest.Wait()
		return ""
	case "sleep":
		d, err := time.ParseDuration(rest)
		if err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(d)
		synctest.Wait()
		return ""
	case "clean":
		if err := s.n.Clean(ctx); err != nil {
			return err.Error()
		}
		return ""
	}
	return s.ask(ctx, name, args)
}

func (s *scenario) put(rest string) string {
	f := strings.SplitN(rest, " ", 5)
	if len(f) != 5 {
		s.t.Fatalf("put %s: want NAME SIGNER TYPE SECONDS JSON", rest)
	}
	seconds, err := strconv.ParseFloat(f[3], 64)
	if err != nil {
		s.t.Fatal(err)
	}
	end := strings.LastIndexByte(f[4], '}') + 1
	content := s.expand(f[4][:end])
	options := f[4][end:]
	key := s.key(f[1])
	var object map[string]any
	if err := json.Unmarshal([]byte(content), &object); err != nil {
		s.t.Fatalf("%s: %v", content, err)
	}
	if _, ok := object["address"]; !ok {
		object["address"] = key.Address()
	}
	object["time"] = epoch + seconds
	for name, v := range required[message.Type(f[2])] {
		if _, ok := object[name]; !ok {
			object[name] = v
		}
	}
	raw, err := json.Marshal(object)
	if err != nil {
		s.t.Fatal(err)
	}
	m := &message.Message{
		Type: message.Type(f[2]), ItemHash: message.HashOf(raw), ItemType: message.ItemInline, ItemContent: string(raw),
		Time: message.TimestampFromSeconds(epoch + seconds),
	}
	if _, channel, ok := strings.Cut(options, "channel="); ok {
		channel = strings.Fields(channel)[0]
		m.Channel = &channel
	}
	if strings.Contains(options, "body=storage") {
		m.ItemType, m.ItemContent = message.ItemStorage, ""
	}
	s.names[f[0]], s.bodies[f[0]] = m.ItemHash, string(raw)
	m = seal(s.t, key, m)
	if strings.Contains(options, "sig=bad") {
		m.Signature = "0x" + strings.Repeat("11", 65)
	}
	if strings.Contains(options, "sig=none") {
		m.Signature = ""
	}
	res, err := s.n.Submit(context.Background(), m, ingest.OriginP2P)
	if err != nil {
		return f[0] + ": " + err.Error()
	}
	synctest.Wait()
	text := f[0] + ": " + string(res.Status)
	if res.Known {
		text += " (known)"
	}
	if res.Rejection != nil {
		text += " " + s.compress(res.Rejection.Code.String()+" "+string(res.Rejection.Details()))
	}
	return text
}

// required are members that a machine must have and that hardly any scenario is
// about.
var required = map[message.Type]map[string]any{
	message.TypeProgram: {
		"type": "vm-function", "allow_amend": false, "environment": map[string]any{}, "resources": map[string]any{},
		"on": map[string]any{"http": true}, "runtime": map[string]any{"ref": knownRuntime, "comment": ""},
	},
	message.TypeInstance: {"allow_amend": false, "environment": map[string]any{}, "resources": map[string]any{}},
	message.TypeVProgram: {
		"allow_amend": false, "environment": map[string]any{}, "resources": map[string]any{},
		"payment": map[string]any{"type": "credit"},
		"verification": map[string]any{"backend": "sev_snp", "measurements": []any{
			map[string]any{"platform": "sev_snp", "digest": strings.Repeat("ab", 48)},
		}},
	},
}

// key returns the account of a name.
func (s *scenario) key(name string) *account.Key {
	if k, ok := s.keys[name]; ok {
		return k
	}
	s.keys[name] = named(s.t, name)
	return s.keys[name]
}

// named returns the account that belongs to a name.
func named(t *testing.T, name string) *account.Key {
	t.Helper()
	secret := sha256.Sum256([]byte(name))
	k, err := account.ImportBytes(message.ChainEthereum, secret[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// expand replaces $NAME, @SIGNER and %SIGNER.
func (s *scenario) expand(text string) string {
	for _, name := range s.longestFirst() {
		text = strings.ReplaceAll(text, "$"+name, string(s.names[name]))
	}
	for i := strings.IndexAny(text, "@%"); i >= 0; i = strings.IndexAny(text, "@%") {
		end := i + 1
		for end < len(text) && text[end] >= 'a' && text[end] <= 'z' {
			end++
		}
		address := string(s.key(text[i+1 : end]).Address())
		if text[i] == '%' {
			address = strings.ToLower(address)
		}
		text = text[:i] + address + text[end:]
	}
	return text
}

// compress is the reverse of expand.
func (s *scenario) compress(text string) string {
	for _, name := range s.longestFirst() {
		text = strings.ReplaceAll(text, string(s.names[name]), "$"+name)
	}
	for name, key := range s.keys {
		text = strings.ReplaceAll(text, string(key.Address()), "@"+name)
		text = strings.ReplaceAll(text, strings.ToLower(string(key.Address())), "%"+name)
	}
	return text
}

func (s *scenario) longestFirst() []string {
	var list []string
	for name := range s.names {
		list = append(list, name)
	}
	slices.SortFunc(list, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return list
}

// ask prints something of the state.
func (s *scenario) ask(ctx context.Context, name string, args []string) string {
	switch name {
	case "status":
		var list []string
		for _, a := range args {
			list = append(list, fmt.Sprintf("%s %s", a, s.n.status(s.t, s.names[a])))
		}
		return strings.Join(list, ", ")
	case "count":
		f := store.CountFilter{Status: message.StatusProcessed}
		if len(args) > 0 {
			f.Sender = s.key(args[0]).Address()
		}
		n, err := s.n.db.Count(ctx, f)
		return result(n, err)
	case "pending":
		n, err := s.n.db.CountPending(ctx)
		return result(n, err)
	case "aggregate":
		if args[1] == "empty" {
			args[1] = ""
		}
		if args[0][0] != '%' {
			args[0] = "@" + args[0]
		}
		return s.compress(s.aggregate(ctx, store.AggregateKey{Owner: message.Address(s.expand(args[0])), Key: s.expand(args[1])}))
	case "tag":
		row, err := s.n.db.Tag(ctx, s.expand(args[0]))
		return s.compress(result(fmt.Sprintf("%s -> %s by %s", row.Tag, row.FileHash, row.ItemHash), err))
	case "blob":
		return fmt.Sprintf("%s %t", args[0], s.n.blobs.Has(s.names[args[0]]))
	}
	return s.compress(s.askMessage(ctx, name, s.names[args[0]]))
}

func (s *scenario) askMessage(ctx context.Context, name string, hash message.Hash) string {
	switch name {
	case "rejected":
		row, err := s.n.db.Rejected(ctx, hash)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%s %s", row.Code, row.Details)
	case "forgotten":
		row, err := s.n.db.Forgotten(ctx, hash)
		if err != nil {
			return err.Error()
		}
		text := fmt.Sprintf("by %v at %v, owner %s, paid by %s", row.ForgottenBy, row.ForgottenAt.Seconds()-epoch, row.Owner, row.PaymentType)
		if row.Size != nil {
			text += fmt.Sprintf(", %d bytes", *row.Size)
		}
		return text
	case "post":
		row, err := s.n.db.Post(ctx, hash)
		if err != nil {
			return err.Error()
		}
		text := fmt.Sprintf("%s shows %s, updated %v, tags from %q", row.Type, row.LatestAmend, row.LastUpdated.Seconds()-epoch, row.TagsFrom)
		if row.Ref != nil {
			text += fmt.Sprintf(", ref %q", *row.Ref)
		}
		return text
	case "pins":
		return s.pins(ctx, hash)
	}
	s.t.Fatalf("unknown command %q", name)
	return ""
}

func (s *scenario) aggregate(ctx context.Context, key store.AggregateKey) string {
	row, err := s.n.db.Aggregate(ctx, key)
	if err != nil {
		return err.Error()
	}
	content, err := s.n.db.AggregateContent(ctx, key)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s created %v updated %v by %s", content, row.Created.Seconds()-epoch, row.LastUpdated.Seconds()-epoch, row.LastRevision)
}

// pins prints how many pins a file has, and whether it has a row.
func (s *scenario) pins(ctx context.Context, file message.Hash) string {
	n, err := s.n.db.CountPins(ctx, file)
	if err != nil {
		return err.Error()
	}
	row, err := s.n.db.File(ctx, file)
	if err != nil {
		return fmt.Sprintf("%d, file %v", n, err)
	}
	return fmt.Sprintf("%d, file of %d bytes", n, row.Size)
}

func result(v any, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}
