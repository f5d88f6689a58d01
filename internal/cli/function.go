package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

func newFunctionCommand(a *app) *cobra.Command {
	cmd := newGroupCommand(a, "function", "Functions: code that runs when it is called",
		newFunctionDeployCommand(a), newFunctionCallCommand(a), newFunctionListCommand(a),
		newFunctionShowCommand(a), newFunctionLogsCommand(a), newFunctionDeleteCommand(a))
	cmd.Aliases = []string{"program"}
	return cmd
}

// functionJSON is a function as --json prints it.
type functionJSON struct {
	ItemHash   message.Hash    `json:"item_hash"`
	URL        string          `json:"url"`
	Name       string          `json:"name,omitempty"`
	Owner      message.Address `json:"owner"`
	Created    time.Time       `json:"created"`
	Entrypoint string          `json:"entrypoint"`
	Interface  string          `json:"interface,omitempty"`
	Code       message.Hash    `json:"code"`
	Runtime    message.Hash    `json:"runtime"`
	VCPUs      int             `json:"vcpus"`
	Memory     int             `json:"memory_mib"`
	Seconds    int             `json:"seconds"`
	Internet   bool            `json:"internet"`
	Running    bool            `json:"running"`
}

func describeFunction(c *client.Client, hash message.Hash, p *message.Program, running bool) functionJSON {
	return functionJSON{
		ItemHash: hash, URL: c.FunctionURL(hash), Name: metadataName(p.Metadata), Owner: p.Owner(), Created: p.CreatedAt().Time(),
		Entrypoint: p.Code.Entrypoint, Interface: p.Code.Interface, Code: p.Code.Ref, Runtime: p.Runtime.Ref,
		VCPUs: p.Resources.VCPUs, Memory: p.Resources.Memory, Seconds: p.Resources.Seconds,
		Internet: p.Environment.Internet, Running: running,
	}
}

func newFunctionListCommand(a *app) *cobra.Command {
	var owner string
	cmd := &cobra.Command{
		Use: "list", Short: "Show the functions of an account", Args: cobra.NoArgs,
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
			// A host that does not answer only means that none of them runs there.
			running, err := c.Executions(cmd.Context())
			if err != nil {
				a.detail("what runs is not known: %v", err)
			}
			list := []functionJSON{}
			filter := client.MessageFilter{Types: []message.Type{message.TypeProgram}, Owners: []message.Address{address}}
			for m, err := range c.AllMessages(cmd.Context(), filter) {
				if err != nil {
					return err
				}
				if p, ok := m.Content.(*message.Program); ok {
					list = append(list, describeFunction(c, m.ItemHash, p, running[m.ItemHash].Running))
				}
			}
			return a.present(list, func(w io.Writer) error { return a.writeFunctions(w, list) })
		},
	}
	cmd.Flags().StringVar(&owner, "owner", "", "whose; default: the account's")
	return cmd
}

func (a *app) writeFunctions(w io.Writer, list []functionJSON) error {
	if len(list) == 0 {
		a.note("no function yet: deploy one with `aleph function deploy FOLDER`")
		return nil
	}
	t := &table{columns: []column{{title: "FUNCTION"}, {title: "NAME", least: 8}, {title: "CREATED", least: 8}, {title: "STATE"}, {title: "ENTRY POINT", least: 8}}}
	for _, f := range list {
		state := "idle"
		if f.Running {
			state = "running"
		}
		t.add(string(f.ItemHash), f.Name, ago(f.Created), state, f.Entrypoint)
	}
	return a.writeTable(w, t)
}

// programOf reads a PROGRAM message.
func programOf(info *client.MessageInfo) (*message.Program, error) {
	if info.Status != message.StatusProcessed && info.Status != message.StatusRemoving {
		if info.Rejection != nil {
			return nil, fmt.Errorf("function %s was rejected: %w", info.Hash, info.Rejection)
		}
		return nil, fmt.Errorf("%w: function %s is %s", message.ErrNotFound, info.Hash, info.Status)
	}
	if info.Invalid != nil {
		return nil, info.Invalid
	}
	p, ok := info.Message.Content.(*message.Program)
	if !ok {
		return nil, fmt.Errorf("%w: %s is a %s, not a PROGRAM", message.ErrInvalid, info.Hash, info.Message.Type)
	}
	return p, nil
}

func newFunctionShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show HASH", Short: "Show one function", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := message.ParseHash(args[0])
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			info, err := c.Message(cmd.Context(), hash)
			if err != nil {
				return err
			}
			p, err := programOf(info)
			if err != nil {
				return err
			}
			running, err := c.Executions(cmd.Context())
			if err != nil {
				a.detail("whether it runs is not known: %v", err)
			}
			f := describeFunction(c, hash, p, running[hash].Running)
			return a.present(f, func(w io.Writer) error {
				return a.writeFields(w,
					[2]string{"function", string(f.ItemHash)}, [2]string{"name", f.Name}, [2]string{"url", f.URL},
					[2]string{"owner", string(f.Owner)}, [2]string{"created", ago(f.Created)}, [2]string{"running", yesNo(f.Running)},
					[2]string{"entry point", strings.TrimSpace(f.Entrypoint + " " + f.Interface)}, [2]string{"code", string(f.Code)},
					[2]string{"runtime", string(f.Runtime)},
					[2]string{"resources", fmt.Sprintf("%d vCPU, %d MiB, %d s a request", f.VCPUs, f.Memory, f.Seconds)},
					[2]string{"internet", yesNo(f.Internet)},
				)
			})
		},
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// logJSON is a line of a log as --json prints it.
type logJSON struct {
	Time   time.Time `json:"time"`
	Stream string    `json:"stream"`
	Text   string    `json:"text"`
}

func newFunctionLogsCommand(a *app) *cobra.Command {
	var tail int
	var times bool
	cmd := &cobra.Command{
		Use: "logs HASH", Short: "Show what a function wrote to its output", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := message.ParseHash(args[0])
			if err != nil {
				return err
			}
			c, signer, err := a.clientAndSigner()
			if err != nil {
				return err
			}
			defer c.Close()
			entries, err := c.Logs(cmd.Context(), signer, hash)
			if err != nil {
				return err
			}
			if tail > 0 && len(entries) > tail {
				entries = entries[len(entries)-tail:]
			}
			list := []logJSON{}
			for _, e := range entries {
				list = append(list, logJSON{e.Time, e.Stream, e.Text})
			}
			return a.present(list, func(w io.Writer) error {
				for _, e := range list {
					prefix := ""
					if times {
						prefix = e.Time.Local().Format("2006-01-02 15:04:05.000 ")
					}
					if _, err := fmt.Fprintf(w, "%s%s\n", prefix, printable(e.Text)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().IntVarP(&tail, "tail", "n", 0, "only the last lines; 0 for all that the host kept")
	cmd.Flags().BoolVarP(&times, "timestamps", "t", false, "show when each line was written")
	return cmd
}

func newFunctionDeleteCommand(a *app) *cobra.Command {
	var yes bool
	var publish publishOptions
	cmd := &cobra.Command{
		Use: "delete HASH...", Short: "Forget functions and erase their data", Args: cobra.MinimumNArgs(1),
		Long: `Forget functions and erase their data on the compute host. Their code stays, since
other functions may use it: ` + "`aleph file list`" + ` shows it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			hashes, err := parseHashes(args)
			if err != nil {
				return err
			}
			if err := a.confirmOnTerminal(yes, fmt.Sprintf("Delete %s for good", plural(len(hashes), "function"))); err != nil {
				return err
			}
			c, signer, err := a.clientAndSigner()
			if err != nil {
				return err
			}
			defer c.Close()
			for _, hash := range hashes {
				info, err := c.Message(cmd.Context(), hash)
				if err != nil {
					return err
				}
				if _, err := programOf(info); err != nil {
					return err
				}
			}
			for _, hash := range hashes {
				if err := c.Erase(cmd.Context(), signer, hash); err != nil {
					a.note("the compute host keeps what it has of %s: %s", hash, oneLine(a.describe(err)))
				}
			}
			published, err := c.Publish(cmd.Context(), signer, message.TypeForget, client.ForgetContent{
				Address: signer.Address(), Time: message.TimestampOf(time.Now()), Hashes: hashes, Reason: "deleted",
			}, publish.options())
			if err != nil {
				return err
			}
			result := map[string]any{"deleted": hashes, "item_hash": published.Message.ItemHash, "status": published.Status}
			return a.present(result, func(io.Writer) error {
				a.note("deleted %s", plural(len(hashes), "function"))
				return nil
			})
		},
	}
	publish.register(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// plural counts things for people.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// httpMethods are what completion offers.
var httpMethods = slices.Clip([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
