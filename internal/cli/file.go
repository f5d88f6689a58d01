package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

func newFileCommand(a *app) *cobra.Command {
	return newGroupCommand(a, "file", "Files that the network keeps",
		newFileUploadCommand(a), newFileDownloadCommand(a), newFileListCommand(a), newFileForgetCommand(a))
}

// shownFile is a kept file as --json prints it.
type shownFile struct {
	File    message.Hash `json:"file_hash"`
	Message message.Hash `json:"item_hash"`
	Size    int64        `json:"size"`
	Type    string       `json:"type,omitempty"`
	Created time.Time    `json:"created"`
}

func newFileListCommand(a *app) *cobra.Command {
	var page pageOptions
	var owner string
	cmd := &cobra.Command{
		Use: "list", Short: "Show the files of an account, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := page.check(); err != nil {
				return err
			}
			address, err := a.ownerOrSelf(owner)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			// The node says "not found" of an account without files.
			files, total, err := c.Files(cmd.Context(), address, page.page, page.limit)
			if err != nil && !isNotFound(err) {
				return err
			}
			list := make([]shownFile, len(files))
			for i, f := range files {
				list[i] = shownFile{f.File, f.Message, f.Size, f.Type, f.Created}
			}
			v := struct {
				Address   message.Address `json:"address"`
				TotalSize int64           `json:"total_size"`
				Files     []shownFile     `json:"files"`
			}{address, total, list}
			return a.present(v, func(w io.Writer) error { return a.writeFiles(w, list, total, page) })
		},
	}
	page.register(cmd)
	cmd.Flags().StringVar(&owner, "owner", "", "whose; default: the account's")
	return cmd
}

func (a *app) writeFiles(w io.Writer, list []shownFile, total int64, page pageOptions) error {
	if len(list) == 0 {
		a.note("no file")
		return nil
	}
	t := &table{columns: []column{{title: "FILE"}, {title: "SIZE", right: true}, {title: "CREATED"}, {title: "MESSAGE", least: 12}}}
	for _, f := range list {
		t.add(string(f.File), size(f.Size), ago(f.Created), string(f.Message))
	}
	if err := a.writeTable(w, t); err != nil {
		return err
	}
	a.note("%s in all", size(total))
	if len(list) == page.limit {
		a.note("there may be more: --page %d", page.page+1)
	}
	return nil
}

func newFileForgetCommand(a *app) *cobra.Command {
	var opts forgetOptions
	cmd := &cobra.Command{
		Use: "forget HASH...", Short: "Stop keeping files, for good", Args: cobra.MinimumNArgs(1),
		Long: `Publish a FORGET message for the STORE messages that keep the files. HASH is that of
the message or of the file itself; ` + "`aleph file list`" + ` shows both. The bytes go when
nobody else keeps them.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			hashes, err := parseHashes(args)
			if err != nil {
				return err
			}
			owner, err := a.ownerOrSelf(string(opts.owner))
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			for i, hash := range hashes {
				if hashes[i], err = keeperOf(cmd, c, owner, hash); err != nil {
					return err
				}
			}
			return a.forget(cmd, &opts, hashes)
		},
	}
	opts.register(cmd)
	return cmd
}

// keeperOf returns the STORE message that a hash names, directly or by the file
// that the owner keeps.
func keeperOf(cmd *cobra.Command, c *client.Client, owner message.Address, hash message.Hash) (message.Hash, error) {
	_, err := c.StoreFile(cmd.Context(), hash)
	if err == nil || !isNotFound(err) {
		return hash, err
	}
	store, err := c.FindStore(cmd.Context(), owner, hash)
	if isNotFound(err) {
		return "", fmt.Errorf("%s: %w: neither a STORE message nor a file that %s keeps", hash, message.ErrNotFound, owner)
	}
	return store, err
}
