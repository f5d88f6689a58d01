package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"aleph/client"
)

// permissions is what `aleph account permissions` shows, in both directions.
type permissions struct {
	Granted  []client.Authorized `json:"granted"`
	Received []client.Authorized `json:"received"`
}

func newAccountPermissionsCommand(a *app) *cobra.Command {
	var page, size int
	cmd := &cobra.Command{
		Use: "permissions [ADDRESS]", Short: "Show who may act for an address, and for whom it may act", Args: cobra.MaximumNArgs(1),
		Long: `Show who may act for an address, by default the account's, and for whom it may act:
the entries of "security" aggregates. An entry that is restricted to nothing allows
everything.`,
		Example: "  aleph account permissions\n  aleph account permissions 0x2222… --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if page < 1 || size < 1 {
				return usagef("--page and --page-size count from 1")
			}
			address, err := a.named(args)
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			var p permissions
			var granted, received int64
			if p.Granted, granted, err = c.Granted(cmd.Context(), address, page, size); err != nil {
				return err
			}
			if p.Received, received, err = c.Received(cmd.Context(), address, page, size); err != nil {
				return err
			}
			return a.present(p, func(w io.Writer) error { return a.writePermissions(w, p, granted, received) })
		},
	}
	cmd.Flags().IntVar(&page, "page", 1, "which page")
	cmd.Flags().IntVar(&size, "page-size", 100, "addresses on a page, in each direction")
	return cmd
}

func (a *app) writePermissions(w io.Writer, p permissions, granted, received int64) error {
	if len(p.Granted)+len(p.Received) == 0 {
		a.note("no permissions are granted or received")
		return nil
	}
	t := newTable("DIRECTION", "ADDRESS", "RESTRICTED TO")
	add := func(direction string, list []client.Authorized) {
		for _, one := range list {
			for _, entry := range one.Entries {
				t.add(direction, string(one.Address), restrictions(entry))
			}
		}
	}
	add("granted", p.Granted)
	add("received", p.Received)
	if err := a.writeTable(w, t); err != nil {
		return err
	}
	if most := max(granted-int64(len(p.Granted)), received-int64(len(p.Received))); most > 0 {
		a.note("%d granted and %d received in all: see --page", granted, received)
	}
	return nil
}

// restrictions prints the members of an entry that restrict something.
func restrictions(entry json.RawMessage) string {
	var parts []string
	in := json.NewDecoder(bytes.NewReader(entry))
	if _, err := in.Token(); err != nil {
		return string(entry)
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return string(entry)
		}
		var value any
		if err := in.Decode(&value); err != nil {
			return string(entry)
		}
		switch list, many := value.([]any); {
		case value == nil, value == "", many && len(list) == 0:
		case many:
			parts = append(parts, fmt.Sprint(name, " ", strings.Trim(fmt.Sprint(list), "[]")))
		default:
			parts = append(parts, fmt.Sprint(name, " ", value))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
