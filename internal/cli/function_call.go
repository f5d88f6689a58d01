package cli

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"aleph/client"
	"aleph/message"
)

// callJSON is the answer of a function as --json prints it. One of Body and
// BodyBase64 is set.
type callJSON struct {
	Status     int               `json:"status"`
	Headers    map[string]string `json:"headers"`
	Body       *string           `json:"body,omitempty"`
	BodyBase64 string            `json:"body_base64,omitempty"`
}

// maxShownBody bounds the body that --json holds in memory, in bytes.
const maxShownBody = 64 << 20

type callOptions struct {
	method  string
	headers []string
	data    string
	output  string
	include bool
}

func newFunctionCallCommand(a *app) *cobra.Command {
	var opts callOptions
	cmd := &cobra.Command{
		Use: "call HASH [PATH]", Short: "Call a function over HTTP", Args: cobra.RangeArgs(1, 2),
		Example: `  aleph function call 3f1c… /items/7
  aleph function call 3f1c… /echo --data '{"a": 1}' -H 'Content-Type: application/json'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := message.ParseHash(args[0])
			if err != nil {
				return err
			}
			path := "/"
			if len(args) == 2 {
				path = args[1]
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			defer c.Close()
			return a.call(cmd.Context(), c, hash, path, &opts)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&opts.method, "request", "X", "", "method (default GET, or POST with --data)")
	f.StringArrayVarP(&opts.headers, "header", "H", nil, "header `NAME: VALUE`; may be repeated")
	f.StringVarP(&opts.data, "data", "d", "", "body; @FILE reads a file, @- standard input")
	f.StringVarP(&opts.output, "output", "o", "", "write the body to a file")
	f.BoolVarP(&opts.include, "include", "i", false, "show the status and the headers of the answer")
	_ = cmd.RegisterFlagCompletionFunc("request", cobra.FixedCompletions(httpMethods, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// request builds what is sent.
func (o *callOptions) request(a *app) (method string, header http.Header, body io.ReadCloser, err error) {
	header = http.Header{}
	for _, line := range o.headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return "", nil, nil, usageError{fmt.Errorf("header %q: want NAME: VALUE", line)}
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	method = strings.ToUpper(o.method)
	if method == "" {
		method = http.MethodGet
		if o.data != "" {
			method = http.MethodPost
		}
	}
	switch file, isFile := strings.CutPrefix(o.data, "@"); {
	case o.data == "":
		return method, header, http.NoBody, nil
	case isFile && file == "-":
		return method, header, io.NopCloser(a.In), nil
	case isFile:
		in, err := os.Open(file)
		return method, header, in, err
	}
	return method, header, io.NopCloser(strings.NewReader(o.data)), nil
}

func (a *app) call(ctx context.Context, c *client.Client, hash message.Hash, path string, opts *callOptions) (err error) {
	method, header, body, err := opts.request(a)
	if err != nil {
		return err
	}
	defer body.Close()
	stop := a.watchRuntimes(ctx, c)
	res, err := c.CallFunction(ctx, hash, method, path, header, body)
	stop()
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.Header.Get(client.FunctionHeader) == "" && res.StatusCode >= http.StatusBadRequest {
		return client.AnswerError(res)
	}
	if opts.output != "" {
		return writeBody(opts.output, res.Body)
	}
	if a.flags.json {
		return a.callResult(res)
	}
	if opts.include {
		fmt.Fprintf(a.Out, "HTTP %s\n", res.Status)
		for name, values := range res.Header {
			fmt.Fprintf(a.Out, "%s: %s\n", name, printable(strings.Join(values, ", ")))
		}
		fmt.Fprintln(a.Out)
	}
	if _, err := io.Copy(a.Out, res.Body); err != nil {
		return fmt.Errorf("%w: the answer of function %s broke off: %w", message.ErrUnavailable, hash, err)
	}
	return functionFailed(hash, res)
}

// functionFailed makes an error of a status that reports one.
func functionFailed(hash message.Hash, res *http.Response) error {
	if res.StatusCode < http.StatusBadRequest {
		return nil
	}
	return &functionError{hash: hash, what: "answered " + res.Status}
}

// functionError is a function that answers with a failure or does not start.
type functionError struct {
	hash message.Hash
	what string
	// err is what the host says; it may be nil.
	err error
}

func (e *functionError) Error() string {
	text := fmt.Sprintf("function %s %s", e.hash, e.what)
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

func (e *functionError) Unwrap() error { return e.err }

func (a *app) callResult(res *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxShownBody+1))
	if err != nil {
		return fmt.Errorf("%w: the answer broke off: %w", message.ErrUnavailable, err)
	}
	if len(body) > maxShownBody {
		return fmt.Errorf("%w: the answer is larger than %d MiB: write it to a file with --output", message.ErrInvalid, maxShownBody>>20)
	}
	answer := callJSON{Status: res.StatusCode, Headers: map[string]string{}}
	for name, values := range res.Header {
		answer.Headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	if utf8.Valid(body) {
		text := string(body)
		answer.Body = &text
	} else {
		answer.BodyBase64 = base64.StdEncoding.EncodeToString(body)
	}
	return a.writeJSON(answer)
}

func writeBody(path string, body io.Reader) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, body)
	return err
}

// metadataName returns metadata.name when it is a text.
func metadataName(raw []byte) string {
	var m struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return ""
	}
	return m.Name
}
