package client

import (
	"bytes"
	"context"
	"fmt"

	"aleph/message"
)

// Program describes a function to publish. // spec messages 3.9
type Program struct {
	// Owner is content.address: who owns the function.
	Owner message.Address
	// Name is for people; it becomes metadata.name.
	Name string
	// Code is the STORE message of the archive.
	Code       message.Hash
	Encoding   message.Encoding
	Entrypoint string
	// Interface is asgi or binary.
	Interface string
	// Runtime is the STORE message of the root file system.
	Runtime        message.Hash
	RuntimeComment string
	VCPUs          int // at least 1
	Memory         int // MiB
	Seconds        int // what one request may take
	Internet       bool
	// AlephAPI asks for the node's API inside the function.
	AlephAPI  bool
	Variables map[string]string
	Payment   message.PaymentType
	Volumes   []ProgramVolume
}

// ProgramVolume is a disk of a function: a file of the network when Ref is
// set, a persistent one when Name is set, an ephemeral one otherwise.
type ProgramVolume struct {
	Mount   string
	Ref     message.Hash
	Name    string
	SizeMiB int
}

type wireVolume struct {
	Mount       string       `json:"mount"`
	Ref         message.Hash `json:"ref,omitempty"`
	UseLatest   *bool        `json:"use_latest,omitempty"`
	Ephemeral   bool         `json:"ephemeral,omitempty"`
	Persistence string       `json:"persistence,omitempty"`
	Name        string       `json:"name,omitempty"`
	SizeMiB     int          `json:"size_mib,omitempty"`
}

type wireProgram struct {
	Address     message.Address   `json:"address"`
	Time        message.Timestamp `json:"time"`
	Type        string            `json:"type"`
	AllowAmend  bool              `json:"allow_amend"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Variables   map[string]string `json:"variables,omitempty"`
	Environment struct {
		Reproducible bool `json:"reproducible"`
		Internet     bool `json:"internet"`
		AlephAPI     bool `json:"aleph_api"`
		SharedCache  bool `json:"shared_cache"`
	} `json:"environment"`
	Resources struct {
		VCPUs   int `json:"vcpus"`
		Memory  int `json:"memory"`
		Seconds int `json:"seconds"`
	} `json:"resources"`
	Payment struct {
		Type  message.PaymentType `json:"type"`
		Chain message.Chain       `json:"chain"`
	} `json:"payment"`
	Code struct {
		Encoding   message.Encoding `json:"encoding"`
		Entrypoint string           `json:"entrypoint"`
		Ref        message.Hash     `json:"ref"`
		Interface  string           `json:"interface"`
		UseLatest  bool             `json:"use_latest"`
	} `json:"code"`
	Runtime struct {
		Ref       message.Hash `json:"ref"`
		UseLatest bool         `json:"use_latest"`
		Comment   string       `json:"comment"`
	} `json:"runtime"`
	On struct {
		HTTP bool `json:"http"`
	} `json:"on"`
	Volumes []wireVolume `json:"volumes"`
}

// Content returns the content of the PROGRAM message, dated at.
func (p *Program) Content(at message.Timestamp) any {
	w := wireProgram{Address: p.Owner, Time: at, Type: "vm-function", Variables: p.Variables, Volumes: []wireVolume{}}
	if p.Name != "" {
		w.Metadata = map[string]string{"name": p.Name}
	}
	w.Environment.Internet, w.Environment.AlephAPI = p.Internet, p.AlephAPI
	w.Resources.VCPUs, w.Resources.Memory, w.Resources.Seconds = p.VCPUs, p.Memory, p.Seconds
	w.Payment.Type, w.Payment.Chain = p.Payment, message.ChainEthereum
	w.Code.Encoding, w.Code.Entrypoint, w.Code.Ref, w.Code.Interface = p.Encoding, p.Entrypoint, p.Code, p.Interface
	w.Runtime.Ref, w.Runtime.UseLatest, w.Runtime.Comment = p.Runtime, true, p.RuntimeComment
	w.On.HTTP = true
	for _, v := range p.Volumes {
		w.Volumes = append(w.Volumes, v.wire())
	}
	return w
}

func (v ProgramVolume) wire() wireVolume {
	switch {
	case v.Ref != "":
		latest := true
		return wireVolume{Mount: v.Mount, Ref: v.Ref, UseLatest: &latest}
	case v.Name != "":
		return wireVolume{Mount: v.Mount, Persistence: "host", Name: v.Name, SizeMiB: v.SizeMiB}
	}
	return wireVolume{Mount: v.Mount, Ephemeral: true, SizeMiB: v.SizeMiB}
}

// FindProgram returns the newest live PROGRAM message that says exactly what p
// says, whenever it was published. The error is [message.ErrNotFound] when
// there is none.
func (c *Client) FindProgram(ctx context.Context, p *Program) (message.Hash, error) {
	filter := MessageFilter{Types: []message.Type{message.TypeProgram}, Owners: []message.Address{p.Owner}}
	for received, err := range c.AllMessages(ctx, filter) {
		if err != nil {
			return "", err
		}
		if found, ok := received.Content.(*message.Program); ok && p.same(found) {
			return received.ItemHash, nil
		}
	}
	return "", fmt.Errorf("program of %s with the same code and settings: %w", p.Owner, message.ErrNotFound)
}

// same reports whether a published content equals p but for its time.
func (p *Program) same(found *message.Program) bool {
	if found.Code.Ref != p.Code { // the cheap test first
		return false
	}
	text, err := compactJSON(p.Content(found.CreatedAt()))
	if err != nil {
		return false
	}
	content, err := message.ParseContent(message.TypeProgram, text)
	if err != nil {
		return false
	}
	mine, err := message.Normalized(content)
	if err != nil {
		return false
	}
	theirs, err := message.Normalized(found)
	return err == nil && bytes.Equal(mine, theirs)
}

// FindStore returns the newest live STORE message by which the owner keeps a
// file. The error is [message.ErrNotFound] when there is none.
func (c *Client) FindStore(ctx context.Context, owner message.Address, file message.Hash) (message.Hash, error) {
	page, err := c.Messages(ctx, MessageFilter{
		Types: []message.Type{message.TypeStore}, Owners: []message.Address{owner},
		ContentHashes: []message.Hash{file}, PerPage: 1,
	})
	if err != nil {
		return "", err
	}
	if len(page.Messages) == 0 {
		return "", fmt.Errorf("file %s of %s: %w", file, owner, message.ErrNotFound)
	}
	return page.Messages[0].ItemHash, nil
}
