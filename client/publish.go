package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"aleph/account"
	"aleph/message"
)

// InlineLimit is the size in bytes from which a content is stored as a file
// instead of travelling in the envelope, as the other clients do.
const InlineLimit = 50_000 // spec clients 2.1

// DefaultChannel is where messages are published when told no other channel.
const DefaultChannel = "ALEPH-CLOUDSOLUTIONS" // spec messages 8.6

// PublishOptions says how to publish a message.
type PublishOptions struct {
	// Channel is [DefaultChannel] when empty.
	Channel string
	// Sync waits until the node has processed the message, for half a minute at
	// most; otherwise the node answers once it has taken the message.
	Sync bool
}

// Published is a message that a node took.
type Published struct {
	Message *message.Message
	// Status is processed, or pending when the node still works on it.
	Status message.Status
}

// Publish signs a content and sends it. The content is serialised once; it
// must have the members address and time. A message that the node refuses is
// an error with a [*message.Rejection] in its chain. // spec clients 2.1
func (c *Client) Publish(ctx context.Context, acc account.Account, typ message.Type, content any, opts PublishOptions) (*Published, error) {
	text, err := compactJSON(content)
	if err != nil {
		return nil, err
	}
	if _, err := message.ParseContent(typ, text); err != nil {
		return nil, fmt.Errorf("%s content: %w", typ, err)
	}
	m := &message.Message{Type: typ, ItemType: message.ItemInline, Time: message.TimestampOf(time.Now()), Channel: channelOf(opts)}
	if len(text) < InlineLimit {
		m.ItemContent, m.ItemHash = string(text), message.HashOf(text)
	} else {
		m.ItemType = message.ItemStorage
		if m.ItemHash, err = c.storeContent(ctx, text); err != nil {
			return nil, fmt.Errorf("store content: %w", err)
		}
	}
	if err := account.Sign(acc, m); err != nil {
		return nil, err
	}
	return c.Send(ctx, m, opts.Sync)
}

func channelOf(opts PublishOptions) *string {
	channel := opts.Channel
	if channel == "" {
		channel = DefaultChannel
	}
	return &channel
}

// storeContent keeps a large content as a file. The bytes go as they are, since
// the signature covers their hash: a node that wrote them differently, as the
// route for JSON may, would have chosen what the account signs.
// // spec ccn-http-api 10.3
func (c *Client) storeContent(ctx context.Context, text []byte) (message.Hash, error) {
	want := message.HashOf(text)
	ctx, cancel := deadline(ctx, c.timeout)
	defer cancel()
	req, err := c.formRequest(ctx, form{name: "content.json", file: bytes.NewReader(text), size: int64(len(text))})
	if err != nil {
		return "", err
	}
	_, body, fail, err := c.exchange(req)
	if err != nil || fail != nil {
		return "", firstError(err, fail)
	}
	var answer struct {
		Hash message.Hash `json:"hash"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", decodeError(req.URL.String(), err)
	}
	if answer.Hash != want {
		return "", decodeError(req.URL.String(), fmt.Errorf("the content %s was stored as %q", want, answer.Hash))
	}
	return want, nil
}

// Send hands a signed message to the node. Sending the same message again is
// harmless and returns its status. // spec ccn-http-api 5.7
func (c *Client) Send(ctx context.Context, m *message.Message, sync bool) (*Published, error) {
	ctx, cancel := deadline(ctx, c.publishTimeout)
	defer cancel()
	target, err := c.apiURL("/api/v0/messages", nil)
	if err != nil {
		return nil, err
	}
	status, body, fail, err := c.postJSON(ctx, target, map[string]any{"sync": sync, "message": m})
	if err != nil {
		return nil, fmt.Errorf("publish message %s: %w", m.ItemHash, err)
	}
	var answer struct {
		Status *message.Status `json:"message_status"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Status == nil {
		switch {
		case fail == nil:
			fail = decodeError(target, fmt.Errorf("status %d without a message status", status))
		case status == http.StatusUnprocessableEntity && bytes.HasPrefix(body, []byte("InvalidMessageFormat")):
			fail = &message.Rejection{Code: message.CodeInvalidFormat, Err: fail}
		}
		return nil, fmt.Errorf("publish message %s: %w", m.ItemHash, fail)
	}
	published := &Published{Message: m, Status: *answer.Status}
	if published.Status == message.StatusRejected {
		return published, c.rejection(ctx, m.ItemHash)
	}
	if fail != nil {
		return nil, fmt.Errorf("publish message %s: %w", m.ItemHash, fail)
	}
	return published, nil
}

// rejection asks why a message was rejected, which the answer to its
// publication does not tell.
func (c *Client) rejection(ctx context.Context, hash message.Hash) error {
	info, err := c.Message(ctx, hash)
	if err != nil {
		return fmt.Errorf("message %s was rejected; its reason is unknown: %w", hash, err)
	}
	if info.Rejection == nil {
		return fmt.Errorf("message %s was rejected and is now %s", hash, info.Status)
	}
	return fmt.Errorf("message %s was rejected: %w", hash, info.Rejection)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
