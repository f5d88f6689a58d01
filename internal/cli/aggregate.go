package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

func newAggregateCommand(a *app) *cobra.Command {
	return newGroupCommand(a, "aggregate", "Documents by owner and key, merged member by member",
		newAggregateSetCommand(a), newAggregateGetCommand(a), newAggregateListCommand(a))
}

func newAggregateSetCommand(a *app) *cobra.Command {
	var publish publishOptions
	var content contentOptions
	cmd := &cobra.Command{
		Use: "set KEY [JSON]", Short: "Set members of a document", Args: cobra.RangeArgs(1, 2),
		Long: `Set members of a document. Members that are given replace those of the same name;
others stay. To clear a member set it to null.`,
		Example: `  aleph aggregate set profile '{"name": "Alice"}'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := content.read(a, args[1:])
			if err != nil {
				return err
			}
			if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) {
				return fmt.Errorf("%w: the content of an aggregate is a JSON object", message.ErrInvalid)
			}
			c, signer, err := a.clientAndSigner()
			if err != nil {
				return err
			}
			defer c.Close()
			published, err := c.Publish(cmd.Context(), signer, message.TypeAggregate, client.AggregateContent{
				Address: publish.ownerOf(signer.Address()), Time: message.TimestampOf(time.Now()), Key: args[0], Content: body,
			}, publish.options())
			if err != nil {
				return err
			}
			return a.showPublished(published)
		},
	}
	publish.register(cmd)
	content.register(cmd)
	return cmd
}

func newAggregateGetCommand(a *app) *cobra.Command {
	var owner string
	cmd := &cobra.Command{
		Use: "get [KEY]", Short: "Show a document, or all of an owner", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			address, err := a.ownerOrSelf(owner)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			if len(args) == 1 {
				content, err := c.Aggregate(cmd.Context(), address, args[0])
				if err != nil {
					return err
				}
				return a.present(content, func(w io.Writer) error { return writeJSONText(w, content) })
			}
			data, err := c.Aggregates(cmd.Context(), address)
			if err != nil {
				return err
			}
			return a.present(data, func(w io.Writer) error {
				text, err := json.Marshal(data)
				if err != nil {
					return err
				}
				return writeJSONText(w, text)
			})
		},
	}
	cmd.Flags().StringVar(&owner, "owner", "", "whose; default: the account's")
	return cmd
}

func newAggregateListCommand(a *app) *cobra.Command {
	var owner string
	cmd := &cobra.Command{
		Use: "list", Short: "Show the keys of an owner", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			address, err := a.ownerOrSelf(owner)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			data, err := c.Aggregates(cmd.Context(), address)
			if isNotFound(err) {
				data, err = map[string]json.RawMessage{}, nil
			}
			if err != nil {
				return err
			}
			keys := slices.Sorted(maps.Keys(data))
			if a.flags.json {
				return a.writeJSON(emptyIfNil(keys))
			}
			t := newTable("KEY", "SIZE", "CONTENT")
			for _, key := range keys {
				t.add(key, size(int64(len(data[key]))), compact(data[key]))
			}
			if len(keys) == 0 {
				a.note("no aggregate of %s", address)
				return nil
			}
			return a.writeTable(a.Out, t)
		},
	}
	cmd.Flags().StringVar(&owner, "owner", "", "whose; default: the account's")
	return cmd
}

// writeJSONText lays JSON out for people.
func writeJSONText(w io.Writer, raw json.RawMessage) error {
	_, err := fmt.Fprintln(w, indented(raw))
	return err
}
