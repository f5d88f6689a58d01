package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"aleph/account"
	"aleph/message"
)

// administrator signs tokens.
type administrator struct{ key *secp256k1.PrivateKey }

func newAdministrator(text string) administrator {
	sum := sha256.Sum256([]byte(text))
	return administrator{secp256k1.PrivKeyFromBytes(sum[:])}
}

func (a administrator) public() string {
	return hex.EncodeToString(a.key.PubKey().SerializeCompressed())
}

func (a administrator) token(at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	digest := sha256.Sum256([]byte(seconds))
	signature := base64.StdEncoding.EncodeToString(ecdsa.Sign(a.key, digest[:]).Serialize())
	return base64.StdEncoding.EncodeToString([]byte(seconds + ":" + signature))
}

// Costs are those of the prices that held at the time of each envelope.
// // spec ccn-http-api 9.4
func TestRecalculation(t *testing.T) {
	t.Parallel()
	admin := newAdministrator("admin")
	m := &market{t: t, authority: key(t, "9")}
	m.testNode = startNode(t, func(s *settings) {
		s.network, s.api.Auth.PublicKey = message.PublicNetwork().GovernedBy(m.authority.Address()), admin.public()
	})
	m.later.Store(int64(time.Minute))
	bob := key(t, "2")
	m.holds(bob, 100)
	publish := func(what *message.Message) message.Hash {
		t.Helper()
		if r := m.publish(t, what); r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", what.Type, r.StatusCode, r.body)
		}
		return what.ItemHash
	}
	call := func(path, token string) reply {
		t.Helper()
		return m.do(t, http.MethodPost, "/api/v0/price/"+path, strings.NewReader("ignored"), "X-Auth-Token", token)
	}
	now := admin.token(noon.Add(time.Minute))
	wantBody(t, call("recalculate", now), http.StatusOK, `{"message": "No messages found for cost recalculation", "recalculated_count": 0, "total_messages": 0}`)

	file := string(m.file())
	at := float64(noon.Unix())
	store := func(owner *account.Key, at float64) message.Hash {
		t.Helper()
		return publish(signed(t, owner, message.TypeStore, "c", at, `"item_type":"storage","item_hash":"`+file+`"`))
	}
	first := store(bob, at)
	prices := func(at float64, text string) {
		t.Helper()
		publish(signed(t, m.authority, message.TypeAggregate, "c", at, `"key":"pricing","content":`+text))
	}
	prices(at+10, `{"storage":{"price":{"storage":{"holding":"1"}}}}`)
	second, third := store(bob, at+5), store(bob, at+15)
	cost := func(hash message.Hash) string {
		t.Helper()
		_, rest, _ := strings.Cut(m.get(t, "/api/v0/price/"+string(hash)).body, `"cost": "`)
		text, _, _ := strings.Cut(rest, `"`)
		return text
	}
	const old, recent = "8.666666658000000000", "26.000000000000000000"
	wantCosts := func(a, b, c string) {
		t.Helper()
		if x, y, z := cost(first), cost(second), cost(third); x != a || y != b || z != c {
			t.Errorf("costs are %s %s %s, want %s %s %s", x, y, z, a, b, c)
		}
	}
	wantCosts(old, recent, recent) // what is processed now is priced by the prices of now
	wantBody(t, call(string(second)+"/recalculate", now), http.StatusOK,
		`{"message": "Cost recalculation completed with historical pricing", "recalculated_count": 1, "total_messages": 1, "pricing_changes_found": 2}`)
	wantCosts(old, old, recent)
	prices(at+1, `{"storage":{"price":{"storage":{"holding":"0.5"}}}}`)
	wantBody(t, call("recalculate", now), http.StatusOK,
		`{"message": "Cost recalculation completed with historical pricing", "recalculated_count": 3, "total_messages": 3, "pricing_changes_found": 3}`)
	wantCosts(old, "13.000000000000000000", recent)
	wantLocked := fmt.Sprintf(`"locked_amount":%v,`, 47.666666658)
	if body := m.get(t, "/api/v0/addresses/"+string(bob.Address())+"/balance").body; !strings.Contains(body, wantLocked) {
		t.Errorf("the sum of the costs does not follow: %s", body)
	}
	prices(at+12, `{"storage":{"price":"nothing"}}`)
	r := call("recalculate", now)
	if !strings.HasPrefix(r.body, `{"message": "Cost recalculation completed with historical pricing", "recalculated_count": 2, "total_messages": 3, "pricing_changes_found": 4, "errors": [{"item_hash": "`+
		string(third)+`", "error": "`) {
		t.Errorf("with a price list that lacks something: %d %s", r.StatusCode, r.body)
	}
	wantCosts(old, "13.000000000000000000", recent)
	if found, err := m.db.Inconsistencies(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("inconsistencies: %v %v", found, err)
	}

	post := publish(signed(t, bob, message.TypePost, "c", at, `"type":"t","content":{}`))
	forgotten := publish(signed(t, bob, message.TypePost, "c", at, `"type":"u","content":{}`))
	publish(signed(t, bob, message.TypeForget, "c", at, `"hashes":["`+string(forgotten)+`"]`))
	unknown := strings.Repeat("ab", 32)
	for path, want := range map[string]string{
		"xyz":             "400 Invalid message hash: xyz",
		unknown:           "404 Message not found with hash: " + unknown,
		string(post):      "400 Message is not an executable or store message: " + string(post),
		string(forgotten): "410 This message has been forgotten: " + string(forgotten),
	} {
		if r := call(path+"/recalculate", now); fmt.Sprint(r.StatusCode, " ", r.body) != want {
			t.Errorf("%s: %d %s, want %s", path, r.StatusCode, r.body, want)
		}
	}
}

// Who has no token of the administrator changes nothing. // spec messages 8.7
func TestTokens(t *testing.T) {
	t.Parallel()
	admin, other := newAdministrator("admin"), newAdministrator("other")
	n := startNode(t, func(s *settings) { s.api.Auth.PublicKey = admin.public() })
	call := func(path, token string) reply {
		t.Helper()
		return n.do(t, http.MethodPost, "/api/v0/price/"+path, http.NoBody, "X-Auth-Token", token)
	}
	refused := func(r reply, text string) {
		t.Helper()
		if r.StatusCode != http.StatusUnauthorized || r.body != text || r.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%d %s %v, want 401 %s", r.StatusCode, r.body, r.Header, text)
		}
	}
	const missing, invalid = "Missing X-Auth-Token header", "Invalid or expired authentication token"
	good := admin.token(noon)
	whole, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	again := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	seconds, signature, _ := strings.Cut(string(whole), ":")
	for _, path := range []string{"recalculate", "xyz/recalculate"} {
		refused(n.do(t, http.MethodPost, "/api/v0/price/"+path, http.NoBody), missing)
		refused(call(path, ""), missing)
		for name, token := range map[string]string{
			"no base64": "!", "no colon": again(seconds), "no seconds": again("x:" + signature), "no signature": again(seconds + ":"),
			"signature is no base64": again(seconds + ":!"), "signature is no signature": again(seconds + ":" + again("x")),
			"of other seconds": again("1767268801:" + signature), "of another": other.token(noon),
			"expired": admin.token(noon.Add(-301 * time.Second)), "too early": admin.token(noon.Add(31 * time.Second)),
			"long": strings.Repeat("A", 5000),
		} {
			t.Run(name, func(*testing.T) { refused(call(path, token), invalid) })
		}
	}
	for _, at := range []time.Duration{-300 * time.Second, 0, 30 * time.Second} {
		if r := call("recalculate", admin.token(noon.Add(at))); r.StatusCode != http.StatusOK {
			t.Errorf("a token of %s: %d %s", at, r.StatusCode, r.body)
		}
	}
	closed := startNode(t, func(s *settings) { s.api.Auth.PublicKey = "" })
	refused(closed.do(t, http.MethodPost, "/api/v0/price/recalculate", http.NoBody, "X-Auth-Token", good), invalid)
}
