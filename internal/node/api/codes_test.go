package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aleph/account"
	"aleph/message"
)

// unreachable are codes that no message can meet, and why.
var unreachable = map[message.Code]string{
	message.CodePostAmendNoTarget:  "the schema refuses an amend without a ref (spec messages 4.6)",
	message.CodeVMUpdateUpdate:     "what a machine replaces is not recorded (Q-23)",
	message.CodeForgottenDuplicate: "the outcome of a copy, which has no record of its own: see TestAnswersByStatus",
}

// priced are codes of payment: see TestPaymentCodes.
var priced = []message.Code{message.CodeBalanceInsufficient, message.CodeCreditInsufficient, message.CodeInvalidPaymentMethod}

// TestEveryCode makes a node meet every reason to reject a message and compares
// the answers and the details with the table. // spec messages 4.6
func TestEveryCode(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(s *settings) {
		s.rand = 0 // what is tried again is tried again at once
		s.store.Fault = func(name string) error {
			if name == "aggregate.merge" {
				return errors.New("injected")
			}
			return nil
		}
	})
	c := &codes{t: t, n: n, alice: key(t, "1"), bob: key(t, "2"), second: float64(noon.Unix()), met: map[message.Code]bool{}}
	const none = "null"
	nobody := strings.Repeat("7", 64)

	// What others need.
	post := c.accept(c.alice, message.TypePost, `"type":"blog","content":1`)
	amend := c.accept(c.alice, message.TypePost, `"type":"amend","ref":"%s","content":2`, post)
	small, large := c.file("1234"), c.file(strings.Repeat("x", 1<<20+1))
	store := c.accept(c.alice, message.TypeStore, `"item_type":"storage","item_hash":"%s"`, small)
	image := c.accept(c.alice, message.TypeStore, `"item_type":"storage","item_hash":"%s"`, large)
	update := c.accept(c.alice, message.TypeStore, `"item_type":"storage","item_hash":"%s","ref":"%s"`, large, store)
	const machine = `"allow_amend":false,"environment":{},"resources":{},`
	program := func(more string) string {
		return machine + `"type":"vm-function","on":{"http":true},"code":{"encoding":"zip","entrypoint":"x","ref":"` + string(store) +
			`"},"runtime":{"ref":"` + string(store) + `","comment":""}` + more
	}
	vm := c.accept(c.bob, message.TypeProgram, "%s", program(""))
	forget := c.accept(c.alice, message.TypeForget, `"hashes":["%s"],"reason":"x"`, c.accept(c.alice, message.TypePost, `"type":"blog","content":3`))

	c.reject(message.CodeInvalidFormat, c.sign(c.alice, message.TypeStore, `"item_type":"ipfs","item_hash":"%s"`, small),
		`{"errors":["item_type is ipfs but %s is the hash of a file of type \"storage\""]}`, small)
	forged := c.sign(c.alice, message.TypePost, `"type":"blog","content":4`)
	forged.Signature = "0x" + strings.Repeat("11", 65)
	c.reject(message.CodeInvalidSignature, forged,
		`{"errors":["signature of %s is not valid: its last byte 17 is no recovery id"]}`, c.alice.Address())
	unsigned := c.sign(c.alice, message.TypePost, `"type":"blog","content":5`)
	unsigned.Signature = ""
	c.reject(message.CodeInvalidSignature, unsigned, `{"errors":["message %s has no signature"]}`, unsigned.ItemHash)
	c.reject(message.CodePermissionDenied, c.sign(c.bob, message.TypeForget, `"hashes":["%s"]`, post),
		`{"errors":["%s is not authorized to act for %s"]}`, c.bob.Address(), c.alice.Address())
	absent := c.sign(c.alice, message.TypePost, `"type":"blog","content":6`)
	absent.ItemType, absent.ItemContent = message.ItemStorage, ""
	c.reject(message.CodeContentUnavailable, absent, `{"errors":["File not found: %s"]}`, absent.ItemHash)
	c.reject(message.CodeFileUnavailable, c.sign(c.alice, message.TypeStore, `"item_type":"storage","item_hash":"%s"`, nobody),
		`{"errors":["File not found: %s"]}`, nobody)
	c.reject(message.CodePostAmendNotFound, c.sign(c.alice, message.TypePost, `"type":"amend","ref":"%s","content":1`, nobody), none)
	c.reject(message.CodePostAmendAmend, c.sign(c.alice, message.TypePost, `"type":"amend","ref":"%s","content":1`, amend), none)
	c.reject(message.CodeStoreRefNotFound, c.sign(c.alice, message.TypeStore, `"item_type":"storage","item_hash":"%s","ref":"%s"`, small, nobody),
		`{"errors":["%s"]}`, nobody)
	c.reject(message.CodeStoreUpdateUpdate, c.sign(c.alice, message.TypeStore, `"item_type":"storage","item_hash":"%s","ref":"%s"`, small, update), none)
	c.reject(message.CodeVMRefNotFound, c.sign(c.bob, message.TypeProgram, "%s", program(`,"replaces":"`+nobody+`"`)), `{"errors":["%s"]}`, nobody)
	c.reject(message.CodeVMVolumeNotFound, c.sign(c.bob, message.TypeProgram, "%s",
		program(`,"volumes":[{"ref":"`+nobody+`"},{"ref":"`+strings.Repeat("8", 64)+`"}]`)),
		`{"errors":["%s","%s"]}`, nobody, strings.Repeat("8", 64))
	c.reject(message.CodeVMAmendNotAllowed, c.sign(c.bob, message.TypeProgram, "%s", program(`,"replaces":"`+string(vm)+`"`)), none)
	c.reject(message.CodeVMVolumeTooSmall, c.sign(c.bob, message.TypeInstance, machine+
		`"rootfs":{"parent":{"ref":"%s"},"persistence":"host","size_mib":1}`, image),
		`{"errors":[{"volume_name":"rootfs","parent_ref":"%s","parent_file":"%s","parent_size":1048577,"volume_size":1048576}]}`, image, large)
	c.reject(message.CodeForgetNoTarget, c.sign(c.alice, message.TypeForget, `"hashes":[]`), none)
	c.reject(message.CodeForgetTargetNotFound, c.sign(c.alice, message.TypeForget, `"hashes":["%s"]`, nobody),
		`{"errors":[{"message":"%s"}]}`, nobody)
	c.reject(message.CodeForgetTargetNotFound, c.sign(c.alice, message.TypeForget, `"hashes":[],"aggregates":["%s"]`, nobody),
		`{"errors":[{"aggregate":"%s"}]}`, nobody)
	c.reject(message.CodeForgetForget, c.sign(c.alice, message.TypeForget, `"hashes":["%s"]`, forget), `{"errors":[{"message":"%s"}]}`, forget)
	c.reject(message.CodeForgetNotAllowed, c.sign(c.alice, message.TypeForget, `"hashes":["%s"]`, store),
		`{"errors":["File %s used on vm %s"]}`, store, vm)
	c.reject(message.CodeInternal, c.sign(c.alice, message.TypeAggregate, `"key":"k","content":{}`), none)

	for _, code := range message.Codes() {
		if !c.met[code] && unreachable[code] == "" && !slices.Contains(priced, code) {
			t.Errorf("no message met %s", code)
		}
	}
}

// codes publishes messages and looks at what becomes of them.
type codes struct {
	t          *testing.T
	n          *testNode
	alice, bob *account.Key
	second     float64
	met        map[message.Code]bool
}

// sign returns a message whose content is unlike all others.
func (c *codes) sign(by *account.Key, typ message.Type, members string, args ...any) *message.Message {
	c.t.Helper()
	c.second++
	return signed(c.t, by, typ, "c", c.second, fmt.Sprintf(members, args...))
}

func (c *codes) file(text string) message.Hash {
	c.t.Helper()
	info, err := c.n.blobs.Put(c.t.Context(), strings.NewReader(text), int64(len(text)))
	if err != nil {
		c.t.Fatal(err)
	}
	return info.Hash
}

func (c *codes) accept(by *account.Key, typ message.Type, members string, args ...any) message.Hash {
	c.t.Helper()
	m := c.sign(by, typ, members, args...)
	if r := c.n.publish(c.t, m); r.StatusCode != http.StatusOK || !strings.HasSuffix(r.body, `"message_status":"processed"}`) {
		c.t.Fatalf("publish %s: %d %s", m.ItemContent, r.StatusCode, r.body)
	}
	return m.ItemHash
}

func (c *codes) reject(code message.Code, m *message.Message, details string, args ...any) {
	c.t.Helper()
	c.met[code] = true
	// Who waits for the outcome of a message that is tried again may be told
	// that it is pending, or what has become of it.
	r := c.n.publish(c.t, m)
	told := r.StatusCode == http.StatusUnprocessableEntity && strings.HasSuffix(r.body, `"message_status":"rejected"}`)
	pending := r.StatusCode == http.StatusAccepted && strings.HasSuffix(r.body, `"message_status":"pending"}`)
	if !told && (!pending || !code.Retry()) {
		c.t.Errorf("%s: published with %d %s", code, r.StatusCode, r.body)
	}
	path := "/api/v0/messages/" + string(m.ItemHash)
	eventually(c.t, "the end of "+code.String(), func() bool {
		return strings.Contains(c.n.get(c.t, path+"/status").body, `"status":"rejected"`)
	})
	want := fmt.Sprintf(`"error_code":%d,"details":%s}`, int(code), fmt.Sprintf(details, args...))
	if r := c.n.get(c.t, path); r.StatusCode != http.StatusOK || !strings.HasSuffix(r.body, want) {
		c.t.Errorf("%s: got %d %s\nwant %s", code, r.StatusCode, r.body, want)
	}
	if r := c.n.get(c.t, path+"/content"); r.StatusCode != http.StatusUnprocessableEntity {
		c.t.Errorf("%s: its content is shown with %d %s", code, r.StatusCode, r.body)
	}
}
