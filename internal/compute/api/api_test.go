package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"aleph/account"
	"aleph/internal/compute/api"
	"aleph/internal/compute/guest"
	"aleph/internal/compute/vm"
	"aleph/message"
)

var (
	hash    = message.Hash(strings.Repeat("deca", 16))
	unknown = message.Hash(strings.Repeat("0", 64))
)

// fakeHost is a host with one function that echoes what it is asked.
type fakeHost struct {
	executions []api.Execution // nil: one
	owner      message.Address
	friend     message.Address
	err        error
	expires    time.Duration
	stopped    int
	answer     *guest.Response // nil: the echo
}

func (h *fakeHost) Call(_ context.Context, ref message.Hash, r *guest.Request) (*api.Answer, error) {
	if h.err != nil {
		return nil, h.err
	}
	if h.answer != nil {
		return &api.Answer{CodeRef: "code", Response: h.answer}, nil
	}
	text := fmt.Sprintf("%s %s %s?%s root=%q", ref, r.Method, r.Path, r.Query, r.RootPath)
	return &api.Answer{CodeRef: "code", Response: &guest.Response{
		Status: 299, Body: io.NopCloser(strings.NewReader(text)),
		Headers: []guest.Header{{Name: "x-one", Value: "1"}, {Name: "x-one", Value: "2"}, {Name: "server", Value: "mine"}, {Name: "bad\n", Value: "x"}},
	}}, nil
}

func (h *fakeHost) Executions() []api.Execution {
	if h.executions != nil {
		return h.executions
	}
	at := time.Date(2025, 1, 1, 10, 0, 0, 123456000, time.UTC)
	return []api.Execution{{Hash: hash, Running: true, Times: vm.Times{Defined: at}}}
}

func (h *fakeHost) Owner(_ context.Context, ref message.Hash) (message.Address, error) {
	if ref != hash {
		return "", message.ErrNotFound
	}
	return h.owner, nil
}

func (h *fakeHost) MayOperate(_ context.Context, owner, caller message.Address) bool {
	return owner.EqualFold(caller) || caller == h.friend
}
func (h *fakeHost) Stop(context.Context, message.Hash) bool   { h.stopped++; return h.stopped == 1 }
func (h *fakeHost) Erase(context.Context, message.Hash) error { return nil }
func (h *fakeHost) Expire(_ message.Hash, d time.Duration) bool {
	h.expires = d
	return true
}

func (h *fakeHost) Log(message.Hash) ([]vm.Entry, bool) {
	return []vm.Entry{{Time: 1735725600123456, Stream: vm.Stdout, Text: "one"}, {Stream: vm.Stderr, Text: "two"}}, true
}

func (h *fakeHost) FollowLog(ref message.Hash) ([]vm.Entry, <-chan vm.Entry, func(), bool) {
	past, _ := h.Log(ref)
	next := make(chan vm.Entry, 1)
	next <- vm.Entry{Stream: vm.Stdout, Text: "three"}
	close(next)
	return past, next, func() {}, true
}
func (h *fakeHost) Runtimes() any           { return []string{} }
func (h *fakeHost) Probe() (vm.Probe, bool) { return vm.Probe{Usable: true}, true }
func (h *fakeHost) Capacity() api.Capacity  { return api.Capacity{} }

func serve(t *testing.T, h *fakeHost) string {
	t.Helper()
	s, err := api.New(api.Config{DomainName: "crn.example.org", Version: "1.8.2", Disk: t.TempDir()}, h,
		slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func do(t *testing.T, req *http.Request) (int, string, http.Header) {
	t.Helper()
	res, err := http.DefaultClient.Do(req.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header
}

func request(t *testing.T, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestCallForms(t *testing.T) {
	t.Parallel()
	url := serve(t, &fakeHost{})
	for _, test := range []struct {
		method, host, path string
		status             int
		want               string
	}{
		{"GET", "", "/vm/" + string(hash), 299, string(hash) + ` GET /? root="/vm/` + string(hash) + `"`},
		{"PURGE", "", "/vm/" + string(hash) + "/a%2Fb/c?x=1%2B2", 299, ` PURGE /a/b/c?x=1%2B2 root=`},
		{"GET", "33fn5sw6zlpmvxwk33fn5sw6zlpmvxwk33fn5sw6zlpmvxwk33fa.example.org:4020", "/x", 299, string(hash) + ` GET /x? root=""`},
		{"GET", "crn.example.org", "/", 200, "Aleph compute host"},
		{"GET", "crn.example.org", "/x", 404, `{"error":"404: Invalid message reference"}`},
		{"GET", "aa.invalid", "/", 404, `{"error":"404: Invalid message reference"}`},
		{"GET", "", "/vm/abc/", 400, `{"error":"Invalid message reference: abc"}`},
	} {
		req := request(t, test.method, url+test.path)
		req.Host = test.host
		status, body, header := do(t, req)
		if status != test.status || !strings.Contains(body, test.want) {
			t.Errorf("%s %s %s: %d %q, want %d %q", test.method, test.host, test.path, status, body, test.status, test.want)
		}
		if header.Get("Server") != "aleph-vm/1.8.2" {
			t.Errorf("%s: Server %q", test.path, header.Get("Server"))
		}
		if status == 299 && (header.Get("Aleph-Program-ItemHash") != string(hash) || header.Get("Aleph-Program-Code-Ref") != "code" ||
			len(header.Values("X-One")) != 2) {
			t.Errorf("%s: headers %v", test.path, header)
		}
	}
}

// TestLengths calls programs whose answers are longer or shorter than they may
// be: the caller gets an answer that it can take apart.
func TestLengths(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status  int
		lengths []string
		body    string
		want    string
		length  int64 // what the caller sees, -1 for none
	}{
		"no content with a body":   {204, nil, "null", "", 0},
		"no content with a length": {204, []string{"4"}, "", "", 0},
		"not modified with a body": {304, []string{"4"}, "null", "", 0},
		"longer than declared":     {200, []string{"5"}, "hello world", "hello", 5},
		"as declared":              {200, []string{"5"}, "hello", "hello", 5},
		"declared twice":           {200, []string{"5", "5"}, "hello", "hello", 5},
		"declared in two ways":     {200, []string{"5", "7"}, strings.Repeat("a", 4000), strings.Repeat("a", 4000), -1},
		"less than nothing":        {200, []string{"-5"}, strings.Repeat("a", 4000), strings.Repeat("a", 4000), -1},
		"a list":                   {200, []string{"5, 5"}, strings.Repeat("a", 4000), strings.Repeat("a", 4000), -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := &guest.Response{Status: test.status, Body: io.NopCloser(strings.NewReader(test.body))}
			for _, l := range test.lengths {
				answer.Headers = append(answer.Headers, guest.Header{Name: "content-length", Value: l})
			}
			req := request(t, "GET", serve(t, &fakeHost{answer: answer})+"/vm/"+string(hash)+"/")
			res, err := http.DefaultClient.Do(req.WithContext(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != test.status || string(body) != test.want || res.ContentLength != test.length {
				t.Errorf("%d, %d bytes %.20q, length %d, %v; want %d, %.20q, %d", res.StatusCode, len(body), body, res.ContentLength, err,
					test.status, test.want, test.length)
			}
		})
	}
}

// TestOutcomes is the table of spec crn 1.13.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	start := func(err error) error { return &vm.StartError{Step: "ready", Err: err} }
	for _, test := range []struct {
		err    error
		status int
		body   string
	}{
		{api.ErrTimeout, 504, "{\"details\":\"the program did not respond in its time\",\"error\":\"Program did not respond within `resource.seconds`\"}"},
		{fmt.Errorf("%w: %w", api.ErrCrashed, fmt.Errorf("%w with exit code 3", vm.ErrEnded)), 502, "VM did not respond and was shut down\nthe machine has ended with exit code 3"},
		{&api.RetryError{Err: api.ErrCrashed, After: 1500 * time.Millisecond}, 502, "was shut down\nthe host remembers this failure: try again in 2 s"},
		{&api.RetryError{Err: start(&guest.SetupError{Message: "no module"}), After: time.Second}, 500, `"details":"no module\nthe host remembers this failure: try again in 1 s"`},
		{api.ErrFull, 503, `"error":"This CRN cannot host the requested workload at this time."`},
		{api.ErrDraining, 503, `"error":"Server is draining, try another node"`},
		{fmt.Errorf("%w: %w", api.ErrContent, message.ErrNotFound), 400, `"error":"400: Code, runtime or data not available"`},
		{fmt.Errorf("%w: x", api.ErrCodeTooLarge), 500, `"error":"500: Program file too large to pass as an inline zip"`},
		{start(&guest.SetupError{Message: "no module"}), 500, `{"details":"no module","error":"500: Error during vm initialisation"}`},
		{start(fmt.Errorf("%w: x", vm.ErrInit)), 500, `"error":"500: Error during runtime initialisation"`},
		{message.ErrNotFound, 500, `"error":"500: Unhandled error during initialisation"`},
		{start(fmt.Errorf("%w: runsc was not found", vm.ErrUnusable)), 503, `"details":"ready: this host cannot run functions: runsc was not found"`},
		{errors.New("secret detail"), 500, `"details":"internal error `},
		{&guest.ProgramError{Message: "m", Traceback: "Traceback…"}, 500, "Traceback…"},
		{guest.ErrMalformed, 502, "error"},
	} {
		status, body, _ := do(t, request(t, "GET", serve(t, &fakeHost{err: test.err})+"/vm/"+string(hash)+"/"))
		if status != test.status || !strings.Contains(body, test.body) {
			t.Errorf("%v: %d %s, want %d %s", test.err, status, body, test.status, test.body)
		}
		if strings.Contains(body, "secret") {
			t.Errorf("%v: an internal text was shown: %s", test.err, body)
		}
	}
}

func TestAbout(t *testing.T) {
	t.Parallel()
	url := serve(t, &fakeHost{})
	for path, want := range map[string]string{
		"/about/executions/list":    `{"` + string(hash) + `":{"networking":{"ipv4":"","ipv6":""},"vm_type":"microvm","awaiting_confidential_init":false}}`,
		"/v2/about/executions/list": `"defined_at":"2025-01-01 10:00:00.123456+00:00","preparing_at":null`,
		"/about/usage/system":       `"total_kB"`,
		"/about/capability":         `"architecture"`,
		"/about/runtimes":           `[]`,
		"/status/config":            `"DOMAIN_NAME":"crn.example.org"`,
		"/status/health":            `"status":"ok"`,
	} {
		req := request(t, "GET", url+path)
		req.Header.Set("Origin", "https://app.example")
		status, body, header := do(t, req)
		if status != 200 || !strings.Contains(body, want) || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
		if header.Get("Access-Control-Allow-Origin") != "https://app.example" || header.Get("Access-Control-Allow-Credentials") != "true" {
			t.Errorf("%s: CORS %v", path, header)
		}
	}
	if status, body, _ := do(t, request(t, "GET", url+"/about/login?token=x")); status != 401 || body != `{"success":false}` {
		t.Errorf("login: %d %s", status, body)
	}
	req := request(t, "OPTIONS", url+"/control/machine/"+string(hash)+"/stop")
	req.Header.Set("Origin", "https://app.example")
	req.Header.Set("Access-Control-Request-Method", "POST")
	req.Header.Set("Access-Control-Request-Headers", "X-SignedPubKey")
	if status, _, header := do(t, req); status != 200 || header.Get("Access-Control-Allow-Headers") != "X-SignedPubKey" {
		t.Errorf("preflight: %d %v", status, header)
	}
}

// session is an owner's short-lived key. // spec clients 2.5
type session struct {
	key    *ecdsa.PrivateKey
	wallet *account.Key
	pubkey string // the header
}

func newSession(t *testing.T, wallet *account.Key, expires time.Time) *session {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	payload := fmt.Sprintf(`{"pubkey": {"kty": "EC", "crv": "P-256", "x": %q, "y": %q, "ext": true}, "alg": "ECDSA", "domain": "crn.example.org", "address": %q, "expires": %q, "chain": "ETH"}`,
		b64(point[1:33]), b64(point[33:]), wallet.Address(), expires.UTC().Format(time.RFC3339))
	signature, err := wallet.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return &session{key: key, wallet: wallet, pubkey: fmt.Sprintf(`{"sender": %q, "payload": "%x", "signature": %q, "content": {"domain": "x"}}`, wallet.Address(), payload, signature)}
}

// operation signs one request and returns the header.
func (s *session) operation(t *testing.T, method, path, domain string, at time.Time) string {
	t.Helper()
	payload := fmt.Sprintf(`{"time": %q, "method": %q, "path": %q, "domain": %q}`, at.UTC().Format(time.RFC3339Nano), method, path, domain)
	sum := sha256.Sum256([]byte(payload))
	r, v, err := ecdsa.Sign(rand.Reader, s.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...)
	return fmt.Sprintf(`{"payload": "%x", "signature": "%x"}`, payload, signature)
}

func TestOwner(t *testing.T) {
	t.Parallel()
	wallet, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	good, old, other := newSession(t, wallet, now.Add(time.Hour)), newSession(t, wallet, now.Add(-time.Second)), newSession(t, stranger, now.Add(time.Hour))
	stop := "/control/machine/" + string(hash) + "/stop"
	op := func(s *session, path string) string {
		return s.operation(t, "POST", path, "crn.example.org", time.Now())
	}
	forged := *good
	forged.key = other.key
	for name, test := range map[string]struct {
		path, pubkey, operation string
		status                  int
		body                    string
	}{
		"ok":              {stop, good.pubkey, op(good, stop), 200, "Stopped VM with ref " + string(hash)},
		"no key":          {stop, "", "", 400, `{"error":"Missing X-SignedPubKey header"}`},
		"key not JSON":    {stop, "x", "", 400, `{"error":"Invalid X-SignedPubKey format"}`},
		"key not hex":     {stop, `{"payload":"zz","signature":""}`, "", 400, `{"error":"Invalid X-SignedPubKey data"}`},
		"expired":         {stop, old.pubkey, op(old, stop), 401, `{"error":"Token expired"}`},
		"bad wallet":      {stop, strings.Replace(good.pubkey, `"signature": "0x`, `"signature": "0xff`, 1), op(good, stop), 401, `{"error":"Invalid signature"}`},
		"no operation":    {stop, good.pubkey, "", 400, `{"error":"Missing X-SignedOperation header"}`},
		"operation":       {stop, good.pubkey, `{"payload":"00"}`, 400, `{"error":"Invalid X-SignedOperation fields"}`},
		"late":            {stop, good.pubkey, good.operation(t, "POST", stop, "crn.example.org", now.Add(-3*time.Minute)), 400, `{"error":"Invalid X-SignedOperation fields"}`},
		"domain":          {stop, good.pubkey, good.operation(t, "POST", stop, "other", now), 401, `{"error":"Invalid domain: Signed: 'other' != Request: 'crn.example.org'"}`},
		"path":            {stop, good.pubkey, op(good, "/x"), 401, `{"error":"Invalid path. Signed: '/x' !=  requested path: '` + stop + `'"}`},
		"method":          {stop, good.pubkey, good.operation(t, "GET", stop, "crn.example.org", now), 401, `{"error":"Invalid method. Signed: 'GET' !=  request:'POST"}`},
		"forged":          {stop, good.pubkey, op(&forged, stop), 401, `{"error":"Signature could not verified"}`},
		"stranger":        {stop, other.pubkey, op(other, stop), 403, "Unauthorized sender"},
		"unknown machine": {"/control/machine/" + string(unknown) + "/stop", good.pubkey, op(good, "/control/machine/"+string(unknown)+"/stop"), 404, `{"error":"No virtual machine with ref ` + string(unknown) + `"}`},
		"no hash":         {"/control/machine/xyz/stop", good.pubkey, op(good, "/control/machine/xyz/stop"), 400, `{"error":"Invalid ref: 'xyz'"}`},
		"expire":          {"/control/machine/" + string(hash) + "/expire?timeout=5", good.pubkey, op(good, "/control/machine/"+string(hash)+"/expire"), 200, "Expiring VM with ref " + string(hash) + " in 5 seconds"},
		"expire never":    {"/control/machine/" + string(hash) + "/expire", good.pubkey, op(good, "/control/machine/"+string(hash)+"/expire"), 400, `{"error":"Invalid timeout duration"}`},
		"erase":           {"/control/machine/" + string(hash) + "/erase", good.pubkey, op(good, "/control/machine/"+string(hash)+"/erase"), 200, "Erased VM with ref " + string(hash)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := request(t, "POST", serve(t, &fakeHost{owner: wallet.Address()})+test.path)
			if test.pubkey != "" {
				req.Header.Set("X-SignedPubKey", test.pubkey)
			}
			if test.operation != "" {
				req.Header.Set("X-SignedOperation", test.operation)
			}
			status, body, _ := do(t, req)
			if status != test.status || body != test.body {
				t.Errorf("%d %s, want %d %s", status, body, test.status, test.body)
			}
		})
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	wallet, err := account.NewKey(message.ChainEthereum)
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t, wallet, time.Now().Add(time.Hour))
	url := serve(t, &fakeHost{owner: wallet.Address()})
	path := "/control/machine/" + string(hash) + "/logs"
	req := request(t, "GET", url+path)
	req.Header.Set("X-SignedPubKey", s.pubkey)
	req.Header.Set("X-SignedOperation", s.operation(t, "GET", path, "crn.example.org", time.Now()))
	status, body, _ := do(t, req)
	first := `[{"SYSLOG_IDENTIFIER":"vm-` + string(hash) + `-stdout","MESSAGE":"one","file":"stdout","__REALTIME_TIMESTAMP":"2025-01-01 10:00:00.123456+00:00"},` + "\n"
	if status != 200 || !strings.HasPrefix(body, first) || !json.Valid([]byte(body)) {
		t.Errorf("logs: %d %s", status, body)
	}
	stream := func(auth any) (frames []map[string]string) {
		conn, _, err := websocket.Dial(t.Context(), url+"/control/machine/"+string(hash)+"/stream_logs", nil) //nolint:bodyclose // a WebSocket has none
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.CloseNow() }()
		if err := wsjson.Write(t.Context(), conn, auth); err != nil {
			t.Fatal(err)
		}
		for {
			var f map[string]string
			if wsjson.Read(t.Context(), conn, &f) != nil {
				return frames
			}
			frames = append(frames, f)
		}
	}
	got := stream(map[string]any{"auth": map[string]any{
		"X-SignedPubKey":    json.RawMessage(s.pubkey),
		"X-SignedOperation": json.RawMessage(s.operation(t, "GET", "/anything", "crn.example.org", time.Now())),
	}})
	if text := fmt.Sprint(got); text != "[map[status:connected] map[message:one type:stdout] map[message:two type:stderr] map[message:three type:stdout]]" {
		t.Errorf("stream: %s", text)
	}
	if text := fmt.Sprint(stream(map[string]any{})); text != "[map[reason:missing 'auth' key in message status:failed]]" {
		t.Errorf("stream without auth: %s", text)
	}
}
