package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

func newPostCommand(a *app) *cobra.Command {
	return newGroupCommand(a, "post", "Documents that can be amended",
		newPostCreateCommand(a), newPostAmendCommand(a), newPostListCommand(a))
}

// publishOptions are the flags of every command that publishes.
type publishOptions struct {
	channel string
	owner   addressFlag
	async   bool
}

func (o *publishOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.channel, "channel", client.DefaultChannel, "channel to publish on")
	cmd.Flags().Var(&o.owner, "owner", "act for this address, which must have authorized the account")
	cmd.Flags().BoolVar(&o.async, "async", false, "do not wait until the message is processed")
}

func (o *publishOptions) options() client.PublishOptions {
	return client.PublishOptions{Channel: o.channel, Sync: !o.async}
}

// ownerOf is the content's address.
func (o *publishOptions) ownerOf(signer message.Address) message.Address {
	if o.owner != "" {
		return message.Address(o.owner)
	}
	return signer
}

// publication is a published message as --json prints it.
type publication struct {
	ItemHash message.Hash    `json:"item_hash"`
	Type     message.Type    `json:"type"`
	Status   message.Status  `json:"status"`
	Sender   message.Address `json:"sender"`
}

func (a *app) showPublished(p *client.Published) error {
	v := publication{p.Message.ItemHash, p.Message.Type, p.Status, p.Message.Sender}
	if a.flags.json {
		return a.writeJSON(v)
	}
	if p.Status == message.StatusPending {
		a.note("pending: follow it with `aleph message get %s`", v.ItemHash)
	}
	_, err := fmt.Fprintln(a.Out, v.ItemHash)
	return err
}

// contentOptions say where the content of a post or an aggregate comes from.
type contentOptions struct {
	file string
	text string
}

func (o *contentOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.file, "file", "f", "", "read the JSON from a file; - for standard input")
}

// read returns the JSON value, given as an argument or in a file.
func (o *contentOptions) read(a *app, args []string) (json.RawMessage, error) {
	var text []byte
	switch {
	case o.text != "" && (o.file != "" || len(args) > 0), o.file != "" && len(args) > 0:
		return nil, usagef("the content is given twice: choose the argument, --file or --text")
	case o.text != "":
		return json.Marshal(map[string]string{"body": o.text})
	case o.file != "":
		b, err := a.readInput(o.file)
		if err != nil {
			return nil, err
		}
		text = b
	case len(args) == 1 && args[0] == "-":
		b, err := a.readInput("-")
		if err != nil {
			return nil, err
		}
		text = b
	case len(args) == 1:
		text = []byte(args[0])
	default:
		return nil, usagef("no content: pass JSON as an argument, or --file")
	}
	if !json.Valid(text) {
		return nil, fmt.Errorf("%w: the content is not JSON: quote texts as '\"text\"'", message.ErrInvalid)
	}
	return text, nil
}

func newPostCreateCommand(a *app) *cobra.Command {
	var publish publishOptions
	var content contentOptions
	var typ, ref string
	cmd := &cobra.Command{
		Use: "create [JSON]", Short: "Publish a document", Args: cobra.MaximumNArgs(1),
		Example: `  aleph post create --type blog '{"title": "Hello", "tags": ["first"]}'
  aleph post create --type note --text "a line of text"
  jq … | aleph post create --type data -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if typ == message.AmendType {
				return usagef("type %q is how amends are marked: use `aleph post amend`", typ)
			}
			return a.publishPost(cmd, args, &publish, &content, typ, ref)
		},
	}
	publish.register(cmd)
	content.register(cmd)
	cmd.Flags().StringVar(&content.text, "text", "", `publish {"body": TEXT}`)
	cmd.Flags().StringVar(&typ, "type", "post", "type of the document, free")
	cmd.Flags().StringVar(&ref, "ref", "", "what the document refers to, free")
	return cmd
}

func newPostAmendCommand(a *app) *cobra.Command {
	var publish publishOptions
	var content contentOptions
	cmd := &cobra.Command{
		Use: "amend HASH [JSON]", Short: "Replace the content of a document", Args: cobra.RangeArgs(1, 2),
		Example: `  aleph post amend 3f1c… '{"title": "Hello again"}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := message.ParseHash(args[0])
			if err != nil {
				return err
			}
			return a.publishPost(cmd, args[1:], &publish, &content, message.AmendType, string(ref))
		},
	}
	publish.register(cmd)
	content.register(cmd)
	cmd.Flags().StringVar(&content.text, "text", "", `publish {"body": TEXT}`)
	return cmd
}

func (a *app) publishPost(cmd *cobra.Command, args []string, publish *publishOptions, content *contentOptions, typ, ref string) error {
	body, err := content.read(a, args)
	if err != nil {
		return err
	}
	c, signer, err := a.clientAndSigner()
	if err != nil {
		return err
	}
	defer c.Close()
	published, err := c.Publish(cmd.Context(), signer, message.TypePost, client.PostContent{
		Address: publish.ownerOf(signer.Address()), Time: message.TimestampOf(time.Now()), Content: body, Ref: ref, Type: typ,
	}, publish.options())
	if err != nil {
		return err
	}
	return a.showPublished(published)
}

// pageOptions are the flags of every list.
type pageOptions struct {
	page  int
	limit int
}

func (o *pageOptions) register(cmd *cobra.Command) {
	cmd.Flags().IntVar(&o.page, "page", 1, "page to show")
	cmd.Flags().IntVarP(&o.limit, "limit", "n", 20, "rows of a page")
}

func (o *pageOptions) check() error {
	if o.page < 1 || o.limit < 1 {
		return usagef("--page and --limit count from 1")
	}
	return nil
}

func newPostListCommand(a *app) *cobra.Command {
	var page pageOptions
	var hashes, owners, types, refs, tags, channels []string
	var oldest bool
	cmd := &cobra.Command{
		Use: "list", Short: "Show documents, the last changed first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := page.check(); err != nil {
				return err
			}
			wanted, err := parseHashes(hashes)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			list, err := c.Posts(cmd.Context(), client.PostFilter{
				Hashes: wanted, Addresses: addresses(owners), Types: types, Refs: refs, Tags: tags, Channels: channels,
				Ascending: oldest, Page: page.page, PerPage: page.limit,
			})
			if err != nil {
				return err
			}
			if a.flags.json {
				return a.writeJSON(emptyIfNil(list.Posts))
			}
			t := &table{columns: []column{
				{title: "POST"}, {title: "TYPE", least: 10}, {title: "OWNER", least: 10}, {title: "CHANGED"}, {title: "CONTENT", least: 16},
			}}
			for _, p := range list.Posts {
				t.add(string(p.Hash), p.Type, string(p.Owner), ago(p.Updated), compact(p.Content))
			}
			if len(list.Posts) == 0 {
				a.note("no post")
				return nil
			}
			if err := a.writeTable(a.Out, t); err != nil {
				return err
			}
			a.notePage(len(list.Posts), page, list.Total)
			return nil
		},
	}
	page.register(cmd)
	cmd.Flags().StringSliceVar(&hashes, "hash", nil, "only these")
	cmd.Flags().StringSliceVar(&owners, "owner", nil, "only of these addresses")
	cmd.Flags().StringSliceVar(&types, "type", nil, "only of these types")
	cmd.Flags().StringSliceVar(&refs, "ref", nil, "only with these refs")
	cmd.Flags().StringSliceVar(&tags, "tag", nil, "only with one of these tags")
	cmd.Flags().StringSliceVar(&channels, "channel", nil, "only on these channels")
	cmd.Flags().BoolVar(&oldest, "oldest-first", false, "list the oldest first")
	return cmd
}

// notePage says that there is more.
func (a *app) notePage(shown int, page pageOptions, total int64) {
	if rest := total - int64(page.page-1)*int64(page.limit) - int64(shown); rest > 0 && shown > 0 {
		a.note("%d of %d; more with --page %d", shown, total, page.page+1)
	}
}

func addresses(texts []string) []message.Address {
	list := make([]message.Address, len(texts))
	for i, text := range texts {
		list[i] = message.Address(text)
	}
	return list
}

func parseHashes(texts []string) ([]message.Hash, error) {
	list := make([]message.Hash, len(texts))
	for i, text := range texts {
		h, err := message.ParseHash(text)
		if err != nil {
			return nil, err
		}
		list[i] = h
	}
	return list, nil
}
