package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"aleph/account"
	"aleph/message"
)

// market is a node where what is stored must be paid for.
type market struct {
	*testNode
	t         *testing.T
	authority *account.Key
	reports   int
}

func openMarket(t *testing.T) *market {
	t.Helper()
	m := &market{t: t, authority: key(t, "9")}
	m.testNode = startNode(t, func(s *settings) { s.network = message.PublicNetwork().GovernedBy(m.authority.Address()) })
	return m
}

// holds reports how many tokens an owner has.
func (m *market) holds(owner *account.Key, tokens int) {
	m.t.Helper()
	m.reports++
	report := signed(m.t, m.authority, message.TypePost, "c", float64(noon.Unix()), fmt.Sprintf(
		`"type":"balances-update","content":{"chain":"ETH","main_height":%d,"balances":{%q:%d}}`, m.reports, owner.Address(), tokens))
	if r := m.publish(m.t, report); r.StatusCode != http.StatusOK {
		m.t.Fatalf("report: %d %s", r.StatusCode, r.body)
	}
}

// file puts a file of 26 MiB, the smallest that costs tokens, beside the node.
func (m *market) file() message.Hash {
	m.t.Helper()
	const size = 26 << 20
	info, err := m.blobs.Put(m.t.Context(), strings.NewReader(strings.Repeat("x", size)), size)
	if err != nil {
		m.t.Fatal(err)
	}
	return info.Hash
}

// The codes of payment. // spec messages 4.6, 7.6
func TestPaymentCodes(t *testing.T) {
	t.Parallel()
	m := openMarket(t)
	bob := key(t, "2")
	m.holds(bob, 5)
	now := float64(noon.Unix())
	file := m.file()
	cutoffs := message.PublicNetwork().Cutoffs // later than now is not forbidden
	afterChange, onlyCredit := cutoffs.MachineCreditOnly.Seconds(), cutoffs.CreditOnly.Seconds()
	for _, c := range []struct {
		code    message.Code
		typ     message.Type
		time    float64
		members string
		details string
	}{
		{
			message.CodeBalanceInsufficient, message.TypeStore, now, `"item_type":"storage","item_hash":"` + string(file) + `"`,
			`{"errors":[{"account_balance":"5","required_balance":"8.666666658000000000"}]}`,
		},
		{
			message.CodeCreditInsufficient, message.TypeStore, now,
			`"item_type":"storage","item_hash":"` + string(file) + `","payment":{"type":"credit"}`,
			`{"errors":[{"account_credits":"0","min_runtime_days":1,"required_credits":"112.117131551106835200"}]}`,
		},
		{ // told before that the hash is of another kind
			message.CodeInvalidPaymentMethod, message.TypeStore, onlyCredit, `"item_type":"ipfs","item_hash":"` + string(file) + `"`,
			`{"errors":["STORE messages are paid by credit since 2027-01-01, not by hold"]}`,
		},
		{
			message.CodeInvalidPaymentMethod, message.TypeProgram, afterChange,
			`"allow_amend":false,"environment":{},"resources":{},"type":"vm-function","on":{"http":true,"persistent":true},` +
				`"code":{"encoding":"zip","entrypoint":"x","ref":"%[1]s"},"runtime":{"ref":"%[1]s","comment":""}`,
			`{"errors":["instances and persistent programs are paid by credit since 2026-03-11, not by hold"]}`,
		},
	} {
		if c.typ == message.TypeProgram {
			m.holds(bob, 1000)
			image := signed(t, bob, message.TypeStore, "c", now, `"item_type":"storage","item_hash":"`+string(file)+`","metadata":{}`)
			if r := m.publish(t, image); r.StatusCode != http.StatusOK {
				t.Fatalf("image: %d %s", r.StatusCode, r.body)
			}
			c.members = fmt.Sprintf(c.members, image.ItemHash)
		}
		msg := signed(t, bob, c.typ, "c", c.time, c.members)
		if r := m.publish(t, msg); r.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: published with %d %s", c.code, r.StatusCode, r.body)
		}
		want := fmt.Sprintf(`"error_code":%d,"details":%s}`, int(c.code), c.details)
		if r := m.get(t, "/api/v0/messages/"+string(msg.ItemHash)); !strings.HasSuffix(r.body, want) {
			t.Errorf("%s: got %s\nwant %s", c.code, r.body, want)
		}
	}
}

// TestAnswersByStatus brings messages into every status and asks for them, and
// sends them again. // spec messages 4.1, ccn-http-api 5.3, 5.4, 5.5
func TestAnswersByStatus(t *testing.T) {
	t.Parallel()
	m := openMarket(t)
	alice, bob := key(t, "1"), key(t, "2")
	now := float64(noon.Unix())
	m.holds(bob, 10)
	file := m.file()

	waiting := signed(t, alice, message.TypePost, "c", now, `"type":"amend","ref":"`+strings.Repeat("7", 64)+`","content":1`)
	m.answers(waiting, message.StatusPending, http.StatusAccepted, `,"messages":[{"sender":"`+string(alice.Address())+`",`)
	processed := signed(t, alice, message.TypePost, "c", now, `"type":"x","content":1`)
	m.answers(processed, message.StatusProcessed, http.StatusOK, `,"message":{"sender":"`+string(alice.Address())+`",`)
	refused := signed(t, alice, message.TypeForget, "c", now, `"hashes":[]`)
	m.answers(refused, message.StatusRejected, http.StatusUnprocessableEntity, `,"error_code":500,"details":null}`)
	forget := signed(t, alice, message.TypeForget, "c", now, `"hashes":["`+string(processed.ItemHash)+`"]`)
	m.answers(forget, message.StatusProcessed, http.StatusOK, "")
	m.answers(processed, message.StatusForgotten, http.StatusGone, `,"forgotten_by":["`+string(forget.ItemHash)+`"]}`)

	// Its content is a file too, which its own pin must not keep. // Q-15
	unpaid := signed(t, bob, message.TypeStore, "c", now, `"item_type":"storage","item_hash":"`+string(file)+`"`)
	if _, err := m.blobs.Put(t.Context(), strings.NewReader(unpaid.ItemContent), 1000); err != nil {
		t.Fatal(err)
	}
	unpaid.ItemType, unpaid.ItemContent = message.ItemStorage, ""
	m.answers(unpaid, message.StatusProcessed, http.StatusOK, "")
	m.holds(bob, 1)
	if err := m.queue.ReviewBalances(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.answers(unpaid, message.StatusRemoving, http.StatusOK, `,"reason":"balance_insufficient"}`)
	m.later.Store(int64(26 * time.Hour))
	if err := errors.Join(m.queue.Clean(t.Context()), m.queue.Clean(t.Context())); err != nil {
		t.Fatal(err)
	}
	m.answers(unpaid, message.StatusRemoved, http.StatusGone, fmt.Sprintf(
		`"owner":%q,"payment_type":"hold","size":27262976,"removed_at":1767362400.25},"reason":"balance_insufficient","removed_at":1767362400.25,"size":27262976}`,
		bob.Address()))
	if r := m.get(t, "/api/v0/messages/"+strings.Repeat("8", 64)); r.StatusCode != http.StatusNotFound {
		t.Errorf("unknown: %d %s", r.StatusCode, r.body)
	}
}

// answers publishes a message, perhaps again, and compares what is said of it.
func (m *market) answers(msg *message.Message, status message.Status, code int, part string) {
	m.t.Helper()
	r := m.publish(m.t, msg)
	if want := `"message_status":"` + string(status) + `"}`; r.StatusCode != code || !strings.HasSuffix(r.body, want) {
		m.t.Errorf("%s: published with %d %s, want %d", status, r.StatusCode, r.body, code)
	}
	path := "/api/v0/messages/" + string(msg.ItemHash)
	lead := `{"status":"` + string(status) + `","item_hash":"` + string(msg.ItemHash) + `","reception_time":"`
	r = m.get(m.t, path)
	if r.StatusCode != http.StatusOK || !strings.HasPrefix(r.body, lead) || !strings.Contains(r.body, part) {
		m.t.Errorf("%s: got %d %s\nwant %s … %s", status, r.StatusCode, r.body, lead, part)
	}
	if r := m.get(m.t, path+"/status"); r.StatusCode != http.StatusOK || !strings.HasPrefix(r.body, lead) {
		m.t.Errorf("%s: status is %d %s", status, r.StatusCode, r.body)
	}
	r = m.get(m.t, path+"/content")
	if status == message.StatusProcessed {
		if r.StatusCode != http.StatusOK {
			m.t.Errorf("%s: content is %d %s", status, r.StatusCode, r.body)
		}
		return
	}
	want := fmt.Sprintf("Message %s is not processed (status: MessageStatus.%s)", msg.ItemHash, strings.ToUpper(string(status)))
	if r.StatusCode != http.StatusUnprocessableEntity || r.body != want {
		m.t.Errorf("%s: content is %d %s", status, r.StatusCode, r.body)
	}
}
