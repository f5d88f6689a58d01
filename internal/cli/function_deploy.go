package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aleph/account"
	"aleph/client"
	"aleph/message"
)

// deployOptions are the settings of a function.
type deployOptions struct {
	publish    publishOptions
	name       string
	entrypoint string
	iface      string
	runtime    string
	memory     int
	vcpus      int
	seconds    int
	internet   bool
	alephAPI   bool
	env        []string
	volumes    []string
	noWait     bool
	wait       time.Duration
}

func newFunctionDeployCommand(a *app) *cobra.Command {
	var opts deployOptions
	cmd := &cobra.Command{
		Use: "deploy PATH", Short: "Publish a function and wait until it answers", Args: cobra.ExactArgs(1),
		Long: `Publish a function and wait until it answers. PATH is a folder or a file:

  * Python: main.py or app.py with an ASGI application named app or application
    (FastAPI, Starlette, or one of your own); other names with --entrypoint
    MODULE:VARIABLE.
  * A program for Linux, statically linked, that serves HTTP on port 8080; with
    several programs in the folder, name one with --entrypoint.

The same files with the same settings are deployed once: a second time finds the
function that exists. What to leave out is listed in ` + client.IgnoreFile + `.`,
		Example: `  aleph function deploy examples/hello-fastapi
  aleph function deploy ./server --memory 256 --env MODE=test --internet`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.deploy(cmd.Context(), args[0], &opts)
		},
	}
	opts.publish.register(cmd)
	f := cmd.Flags()
	f.StringVar(&opts.name, "name", "", "name for people (default: the name of the folder or file)")
	f.StringVar(&opts.entrypoint, "entrypoint", "", "MODULE:VARIABLE of an ASGI application, or the program's file name")
	f.StringVar(&opts.iface, "interface", "", "asgi or binary (default: what the entry point says)")
	f.StringVar(&opts.runtime, "runtime", "", "name or hash of the runtime (default: python for ASGI, minimal for programs)")
	f.IntVar(&opts.memory, "memory", 128, "memory in MiB")
	f.IntVar(&opts.vcpus, "vcpus", 1, "virtual processors")
	f.IntVar(&opts.seconds, "seconds", 30, "longest time of one request")
	f.BoolVar(&opts.internet, "internet", false, "let the function reach the internet")
	f.BoolVar(&opts.alephAPI, "aleph-api", false, "give the function the node's API")
	f.StringArrayVarP(&opts.env, "env", "e", nil, "environment variable `NAME=VALUE`; may be repeated. Everybody can read it")
	f.StringArrayVar(&opts.volumes, "volume", nil, "disk `MOUNT:KIND`: MOUNT:HASH a file of the network, MOUNT:NAME:MIB a persistent one, MOUNT:MIB a temporary one; may be repeated")
	f.BoolVar(&opts.noWait, "no-wait", false, "do not wait until the function answers")
	f.DurationVar(&opts.wait, "wait", 10*time.Minute, "how long to wait for the first answer; building a runtime takes a minute")
	_ = cmd.RegisterFlagCompletionFunc("interface", cobra.FixedCompletions([]string{"asgi", "binary"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// deployedJSON is what --json prints.
type deployedJSON struct {
	ItemHash   message.Hash `json:"item_hash"`
	URL        string       `json:"url"`
	Code       message.Hash `json:"code"`
	Runtime    message.Hash `json:"runtime"`
	Entrypoint string       `json:"entrypoint"`
	// Created is false when the same function existed already.
	Created bool `json:"created"`
	// Answered is the status of the first answer, 0 when nobody waited for it.
	Answered int `json:"answered,omitempty"`
}

func (a *app) deploy(ctx context.Context, path string, opts *deployOptions) (err error) {
	pack, err := client.PackFunction(path, opts.entrypoint)
	if err != nil {
		return inputError(err)
	}
	defer func() { err = errors.Join(err, pack.Close()) }()
	c, signer, err := a.clientAndSigner()
	if err != nil {
		return err
	}
	defer c.Close()
	program, err := a.describeDeployment(ctx, c, path, pack, opts)
	if err != nil {
		return err
	}
	program.Owner = opts.publish.ownerOf(signer.Address())
	if program.Code, err = a.storeCode(ctx, c, signer, pack, opts); err != nil {
		return err
	}
	deployed := deployedJSON{Code: program.Code, Runtime: program.Runtime, Entrypoint: program.Entrypoint}
	deployed.ItemHash, err = c.FindProgram(ctx, program)
	switch {
	case isNotFound(err):
		published, err := c.Publish(ctx, signer, message.TypeProgram, program.Content(message.TimestampOf(time.Now())), opts.publish.options())
		if err != nil {
			return err
		}
		deployed.ItemHash, deployed.Created = published.Message.ItemHash, true
		if published.Status == message.StatusPending && !opts.publish.async {
			if _, err := c.WaitProcessed(ctx, deployed.ItemHash); err != nil {
				return err
			}
		}
	case err != nil:
		return err
	default:
		a.note("the same function exists already")
	}
	deployed.URL = c.FunctionURL(deployed.ItemHash)
	if !opts.noWait {
		if deployed.Answered, err = a.firstAnswer(ctx, c, deployed.ItemHash, opts.wait); err != nil {
			a.noteLogs(ctx, c, signer, deployed.ItemHash)
			return err
		}
	}
	return a.present(deployed, func(w io.Writer) error {
		return a.writeFields(w, [2]string{"function", string(deployed.ItemHash)}, [2]string{"url", deployed.URL})
	})
}

// describeDeployment turns flags into a program, all but its code and owner.
func (a *app) describeDeployment(ctx context.Context, c *client.Client, path string, pack *client.Pack, opts *deployOptions) (*client.Program, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	p := &client.Program{
		Name: cmp.Or(opts.name, filepath.Base(full)), Encoding: pack.Encoding,
		Entrypoint: pack.Entrypoint, Interface: cmp.Or(opts.iface, pack.Interface),
		VCPUs: opts.vcpus, Memory: opts.memory, Seconds: opts.seconds,
		Internet: opts.internet, AlephAPI: opts.alephAPI, Payment: message.PaymentHold,
	}
	if p.Interface != "asgi" && p.Interface != "binary" {
		return nil, usagef("--interface %q: want asgi or binary", p.Interface)
	}
	if p.Variables, err = parseVariables(opts.env); err != nil {
		return nil, err
	}
	for _, text := range opts.volumes {
		v, err := parseVolume(text)
		if err != nil {
			return nil, err
		}
		p.Volumes = append(p.Volumes, v)
	}
	name := opts.runtime
	if name == "" {
		name = "python"
		if p.Interface == "binary" {
			name = "minimal"
		}
	}
	if p.Runtime, err = a.runtimeRef(ctx, c, name); err != nil {
		return nil, err
	}
	p.RuntimeComment = name
	return p, nil
}

func parseVariables(pairs []string) (map[string]string, error) {
	var variables map[string]string
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("--env %q: want NAME=VALUE", pair)
		}
		if variables == nil {
			variables = map[string]string{}
		}
		variables[name] = value
	}
	return variables, nil
}

// parseVolume reads MOUNT:HASH, MOUNT:NAME:MIB or MOUNT:MIB.
func parseVolume(text string) (client.ProgramVolume, error) {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || !strings.HasPrefix(parts[0], "/") {
		return client.ProgramVolume{}, usagef("--volume %q: want /MOUNT:HASH, /MOUNT:NAME:MIB or /MOUNT:MIB", text)
	}
	v := client.ProgramVolume{Mount: parts[0]}
	if ref, err := message.ParseHash(parts[1]); err == nil && len(parts) == 2 {
		v.Ref = ref
		return v, nil
	}
	mib, err := strconv.Atoi(parts[len(parts)-1])
	if err != nil || mib < 1 {
		return v, usagef("--volume %q: %q is no size in MiB and no hash", text, parts[len(parts)-1])
	}
	v.SizeMiB = mib
	if len(parts) == 3 {
		v.Name = parts[1]
	}
	return v, nil
}

// storeCode keeps the archive on the node unless the owner keeps it already.
func (a *app) storeCode(ctx context.Context, c *client.Client, signer *account.Key, pack *client.Pack, opts *deployOptions) (message.Hash, error) {
	file, err := os.Open(pack.Path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash, _, err := client.HashFile(file)
	if err != nil {
		return "", err
	}
	owner := opts.publish.ownerOf(signer.Address())
	ref, err := c.FindStore(ctx, owner, hash)
	if err == nil || !isNotFound(err) {
		return ref, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	report, done := a.progress("code", pack.Size)
	publish := opts.publish.options()
	publish.Sync = true // the program refers to it
	stored, err := c.Upload(ctx, signer, file, client.UploadOptions{
		PublishOptions: publish, Name: "code.zip", Owner: owner, Progress: report,
	})
	done(err)
	if err != nil {
		return "", err
	}
	a.note("code stored: %s in %s", plural(pack.Files, "file"), size(pack.Size))
	return stored.Message.ItemHash, nil
}

// firstAnswer calls a function until it, and not the host, answers.
func (a *app) firstAnswer(ctx context.Context, c *client.Client, hash message.Hash, wait time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	stop := a.watchRuntimes(ctx, c)
	defer stop()
	const pause = 500 * time.Millisecond // the host learns of messages by itself
	for begin := time.Now(); ; {
		res, err := c.CallFunction(ctx, hash, http.MethodGet, "/", nil, http.NoBody)
		if err != nil {
			return 0, err
		}
		if res.Header.Get(client.FunctionHeader) != "" {
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxShownBody)) // only the status counts
			_ = res.Body.Close()
			if res.StatusCode >= http.StatusInternalServerError {
				return res.StatusCode, &functionError{hash: hash, what: "answered " + res.Status}
			}
			return res.StatusCode, nil
		}
		err = client.AnswerError(res)
		_ = res.Body.Close()
		// Only a host that is busy or has not heard of the message yet may
		// answer differently a moment later.
		if !errors.Is(err, message.ErrUnavailable) && !isNotFound(err) || time.Since(begin) > wait {
			return 0, &functionError{hash, "does not start", err}
		}
		select {
		case <-ctx.Done():
			return 0, &functionError{hash, "does not start", err}
		case <-time.After(pause):
		}
	}
}

// noteLogs shows the end of a function's log to the person whose deployment
// failed: it usually says why.
func (a *app) noteLogs(ctx context.Context, c *client.Client, signer *account.Key, hash message.Hash) {
	const most = 20 // lines
	entries, err := c.Logs(ctx, signer, hash)
	if err != nil {
		a.detail("its log cannot be read: %v", err)
		return
	}
	for _, e := range entries[max(0, len(entries)-most):] {
		a.note("  %s", printable(e.Text))
	}
}
