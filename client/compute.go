package client

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"aleph/message"
)

func (c *Client) computeBase() (string, error) {
	if c.compute == "" {
		return "", fmt.Errorf("%w: no compute host is configured: set Config.Compute", message.ErrInvalid)
	}
	return c.compute, nil
}

// FunctionURL returns where a function answers. // spec crn 1.13
func (c *Client) FunctionURL(function message.Hash) string {
	return c.compute + "/vm/" + string(function) + "/"
}

// CallFunction makes one HTTP request to a function. The caller closes the
// answer's body. Answers of the function and of the host look alike; those of
// the function carry the header Aleph-Program-ItemHash. Neither direction is
// bounded in size; ctx bounds the time. // spec crn 1.13
func (c *Client) CallFunction(ctx context.Context, function message.Hash, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	base, err := c.computeBase()
	if err != nil {
		return nil, err
	}
	target := base + "/vm/" + string(function) + "/" + strings.TrimPrefix(path, "/")
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", message.ErrInvalid, err)
	}
	maps.Copy(req.Header, header)
	return c.send(req)
}

// AnswerError makes an error of an answer that reports a failure of the host,
// as every method of the client does. It reads the body.
func AnswerError(res *http.Response) error {
	return answerError(res, res.Request.Method, res.Request.URL.String())
}

// FunctionHeader is set by a compute host on the answers of functions.
const FunctionHeader = "Aleph-Program-ItemHash"

// Execution is a machine on a compute host.
type Execution struct {
	Running bool   `json:"running"`
	Type    string `json:"vm_type"`
	Status  struct {
		Started string `json:"started_at"`
	} `json:"status"`
}

// Executions lists the machines of a compute host. // spec crn 1.5
func (c *Client) Executions(ctx context.Context) (map[message.Hash]Execution, error) {
	base, err := c.computeBase()
	if err != nil {
		return nil, err
	}
	var list map[message.Hash]Execution
	err = c.readJSON(ctx, base+"/v2/about/executions/list", listLimit, &list)
	return list, err
}

// RuntimeState is how far a compute host is with a runtime of functions.
type RuntimeState struct {
	Name string `json:"name"`
	// Image is nil until the runtime has been built.
	Image *struct {
		RootSize     int64     `json:"root_size"`     // bytes
		SquashfsSize int64     `json:"squashfs_size"` // bytes
		Built        time.Time `json:"built"`
	} `json:"image"`
	// Building is the step that runs now; nil when none does.
	Building *struct {
		Step  int    `json:"step"` // from 1 to Steps
		Steps int    `json:"steps"`
		Text  string `json:"text"`
	} `json:"building"`
	// Error says why the last building failed.
	Error string `json:"error"`
}

// Runtimes asks one of our compute hosts for its runtimes; other hosts do not
// know the route.
func (c *Client) Runtimes(ctx context.Context) ([]RuntimeState, error) {
	base, err := c.computeBase()
	if err != nil {
		return nil, err
	}
	var list []RuntimeState
	err = c.readJSON(ctx, base+"/about/runtimes", objectLimit, &list)
	return list, err
}
