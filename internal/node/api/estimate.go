package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"aleph/internal/node/apply"
	"aleph/message"
)

// estimate answers POST /api/v0/price/estimate: what a message would cost that
// need not be signed, and whose files need not be there. // spec ccn-http-api 9.2
func (a *API) estimate(w http.ResponseWriter, r *http.Request) error {
	raw, err := a.readBody(w, r, a.cfg.MaxBody)
	if err != nil {
		return err
	}
	members, issues := objectMembers(raw)
	if len(issues) > 0 || members["message"] == nil {
		return failInvalidMessage(nil)
	}
	m, sizes, err := parseEstimate(members["message"])
	if err != nil {
		return failInvalidMessage(err)
	}
	switch m.Type {
	case message.TypePost, message.TypeAggregate, message.TypeForget:
		return failInvalidMessage(message.Reject(message.CodeInvalidFormat, "a %s costs nothing", m.Type))
	case message.TypeStore, message.TypeProgram, message.TypeInstance, message.TypeVProgram:
	}
	if m.Content == nil {
		if err := a.readContent(m); err != nil {
			return err
		}
	}
	return a.answerEstimate(w, r, m, sizes)
}

func (a *API) answerEstimate(w http.ResponseWriter, r *http.Request, m *message.Message, sizes apply.FileSizes) error {
	p, err := a.Rules.Price(r.Context(), a.Store.Reader, m, sizes)
	if err != nil {
		return priceFailure(err)
	}
	return writePrice(w, p)
}

// readContent takes the content of a message from the files of the node.
func (a *API) readContent(m *message.Message) error {
	file, err := a.Blobs.Open(m.ItemHash)
	if errors.Is(err, message.ErrNotFound) {
		return failReason(http.StatusNotFound, "the content %s is not on this node: upload it first", m.ItemHash)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if file.Size() > a.cfg.MaxBody {
		return failTooLarge(a.cfg.MaxBody)
	}
	raw, err := io.ReadAll(io.LimitReader(file, a.cfg.MaxBody))
	if err != nil {
		return err
	}
	if m.Content, err = message.ParseFetchedContent(m, raw); err != nil {
		return failInvalidMessage(err)
	}
	return nil
}

// estimateInstance answers POST /api/v0/price/estimate/instance, whose body is
// the content of an INSTANCE without what does not matter. // spec ccn-http-api 9.3
func (a *API) estimateInstance(w http.ResponseWriter, r *http.Request) error {
	raw, err := a.readBody(w, r, a.cfg.MaxBody)
	if err != nil {
		return err
	}
	members, issues := objectMembers(raw)
	if len(issues) > 0 && issues[0].kind == "json_invalid" {
		return failReason(http.StatusBadRequest, "Invalid JSON body")
	}
	if len(issues) > 0 {
		return failText(http.StatusUnprocessableEntity, "1 validation error for the content of an instance\n\nInput should be an object")
	}
	for name, value := range map[string]string{"time": "0", "allow_amend": "false"} {
		if members[name] == nil {
			members[name] = json.RawMessage(value)
		}
	}
	sizes, err := takeEstimates(members)
	if err != nil {
		return failText(http.StatusUnprocessableEntity, "1 validation error for the content of an instance\n\n%s", err)
	}
	content, err := parseMembers(message.TypeInstance, members)
	if rejection, ok := errors.AsType[*message.Rejection](err); ok {
		lines := []string{fmt.Sprintf("%d validation errors for the content of an instance\n", len(rejection.Errors))}
		for _, e := range rejection.Errors {
			lines = append(lines, detailText(e))
		}
		return failText(http.StatusUnprocessableEntity, "%s", strings.Join(lines, "\n"))
	}
	if err != nil {
		return err
	}
	m := &message.Message{Type: message.TypeInstance, Sender: content.Owner(), Content: content}
	return a.answerEstimate(w, r, m, sizes)
}

func parseMembers(t message.Type, members map[string]json.RawMessage) (message.Content, error) {
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	return message.ParseContent(t, raw)
}

// parseEstimate reads an envelope whose content may say how large files will be.
// Who sends it, on which chain and when need not be said. // spec ccn-http-api 9.2
func parseEstimate(envelope json.RawMessage) (*message.Message, apply.FileSizes, error) {
	members, issues := objectMembers(envelope)
	if len(issues) > 0 {
		return nil, nil, message.Reject(message.CodeInvalidFormat, "%s", issues[0].text)
	}
	for name, value := range map[string]string{"sender": `"nobody"`, "chain": `"ETH"`, "time": `0`} {
		if given := members[name]; given == nil || string(given) == "null" {
			members[name] = json.RawMessage(value)
		}
	}
	var sizes apply.FileSizes
	var text *string
	if json.Unmarshal(members["item_content"], &text) == nil && text != nil {
		var err error
		if sizes, err = takeInline(members, *text); err != nil {
			return nil, nil, err
		}
	}
	raw, err := json.Marshal(members)
	if err != nil {
		return nil, nil, err
	}
	m, err := message.ParseEnvelope(raw)
	return m, sizes, err
}

// takeInline takes the estimates out of the inline content of an envelope. The
// schema knows none: what is priced is the content without them.
func takeInline(members map[string]json.RawMessage, text string) (apply.FileSizes, error) {
	var hash string
	if json.Unmarshal(members["item_hash"], &hash) != nil || hash != string(message.HashOf([]byte(text))) {
		return nil, message.Reject(message.CodeInvalidFormat, "item_hash is not the hash of item_content")
	}
	content, issues := objectMembers([]byte(text))
	if len(issues) > 0 {
		return nil, message.Reject(message.CodeInvalidFormat, "%s", issues[0].text)
	}
	sizes, err := takeEstimates(content)
	if err != nil || len(sizes) == 0 {
		return nil, err
	}
	plain, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	if members["item_hash"], err = json.Marshal(message.HashOf(plain)); err != nil {
		return nil, err
	}
	members["item_content"], err = json.Marshal(string(plain))
	return sizes, err
}

// estimateMember says, in MiB, how large a file will be.
const estimateMember = "estimated_size_mib"

// takeEstimates takes the estimates out of a content.
func takeEstimates(content map[string]json.RawMessage) (apply.FileSizes, error) {
	sizes := apply.FileSizes{}
	if err := takeEstimate(content, "item_hash", sizes); err != nil { // a STORE
		return nil, err
	}
	for _, name := range []string{"code", "runtime", "data"} {
		if err := takeNested(content, name, sizes); err != nil {
			return nil, err
		}
	}
	var volumes []json.RawMessage
	if json.Unmarshal(content["volumes"], &volumes) != nil || len(volumes) == 0 {
		return sizes, nil //nolint:nilerr // the schema says what is wrong
	}
	for i, raw := range volumes {
		volume := map[string]json.RawMessage{"": raw}
		if err := takeNested(volume, "", sizes); err != nil {
			return nil, err
		}
		volumes[i] = volume[""]
	}
	raw, err := json.Marshal(volumes)
	content["volumes"] = raw
	return sizes, err
}

// takeNested takes the estimate out of a member that is an object with a ref.
func takeNested(of map[string]json.RawMessage, name string, sizes apply.FileSizes) error {
	part, issues := objectMembers(of[name])
	if len(issues) > 0 || part[estimateMember] == nil {
		return nil
	}
	if err := takeEstimate(part, "ref", sizes); err != nil {
		return err
	}
	raw, err := json.Marshal(part)
	of[name] = raw
	return err
}

// mostEstimate is 2^40 MiB; no file is larger.
const mostEstimate = 1 << 40

// takeEstimate takes the estimate out of an object that names its file.
func takeEstimate(of map[string]json.RawMessage, named string, sizes apply.FileSizes) error {
	given, ok := of[estimateMember]
	if !ok || string(given) == "null" {
		delete(of, estimateMember)
		return nil
	}
	var file string
	var mib json.Number
	if json.Unmarshal(of[named], &file) != nil || json.Unmarshal(given, &mib) != nil {
		return message.Reject(message.CodeInvalidFormat, "%s must be a number beside a %s", estimateMember, named)
	}
	size, _, err := apd.NewFromString(mib.String())
	if err != nil || size.Negative || size.Cmp(apd.New(mostEstimate, 0)) > 0 {
		return message.Reject(message.CodeInvalidFormat, "%s must be between 0 and %d", estimateMember, int64(mostEstimate))
	}
	c := apd.BaseContext.WithPrecision(60)
	if _, err := c.Mul(size, size, apd.New(1<<20, 0)); err != nil {
		return err
	}
	if _, err := c.RoundToIntegralValue(size, size); err != nil {
		return err
	}
	bytes, err := size.Int64()
	if err != nil {
		return err
	}
	delete(of, estimateMember)
	sizes[message.Hash(file)] = bytes
	return nil
}
