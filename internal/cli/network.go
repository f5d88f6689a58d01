package cli

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"aleph/client"
	"aleph/internal/config"
	"aleph/internal/local"
)

// Where a local cloud listens unless told otherwise. The public network is
// never used silently.
const (
	defaultAPI     = "http://127.0.0.1:4024"
	defaultCompute = "http://127.0.0.1:4020"
)

// target is where the commands of this run go.
type target struct {
	api, compute string
	// source says why this node.
	source string
	// local is the running local cloud, when the node is its.
	local *local.State
}

// resolveNetwork decides which node and which compute host to use: the flags,
// then the environment, then the local cloud that runs now, then the addresses
// where one would run.
func (a *app) resolveNetwork() (*target, error) {
	if a.network != nil {
		return a.network, nil
	}
	named := cmp.Or(a.flags.api, a.Env("ALEPH_API"))
	running, err := a.runningCloud()
	if err != nil && named == "" {
		return nil, err
	}
	n := &target{}
	switch {
	case a.flags.api != "":
		n.api, n.source = a.flags.api, "--api"
	case named != "":
		n.api, n.source = named, "ALEPH_API"
	case running != nil:
		n.api, n.source = running.API, "the running local cloud"
	default:
		n.api, n.source = defaultAPI, "default"
	}
	n.api = strings.TrimRight(n.api, "/")
	if running != nil && n.api == strings.TrimRight(running.API, "/") {
		n.local = running
	}
	n.compute = cmp.Or(a.flags.compute, a.Env("ALEPH_COMPUTE"))
	switch {
	case n.compute != "":
	case n.local != nil:
		n.compute = n.local.Compute
	case n.api == defaultAPI:
		n.compute = defaultCompute
	}
	n.compute = strings.TrimRight(n.compute, "/")
	a.network = n
	a.detail("node %s (%s)", n.api, n.source)
	return n, nil
}

// runningCloud returns the local cloud of this user if one runs and answers.
func (a *app) runningCloud() (*local.State, error) {
	folders, err := config.UserFolders()
	if err != nil { // without a home folder there is no local cloud
		a.detail("%v", err)
		return nil, nil
	}
	state, err := local.ReadState(folders.LocalState)
	if err != nil || state == nil {
		return nil, err
	}
	u, err := url.Parse(state.API)
	if err != nil {
		return nil, fmt.Errorf("state of the local cloud %s: %w", folders.LocalState, err)
	}
	conn, err := net.DialTimeout("tcp", u.Host, 500*time.Millisecond)
	if err != nil {
		a.detail("the local cloud at %s is left aside, it does not answer", state.API)
		return nil, nil //nolint:nilerr // said
	}
	return state, conn.Close()
}

// client returns the SDK for the node and the compute host in use.
func (a *app) client() (*client.Client, error) {
	n, err := a.resolveNetwork()
	if err != nil {
		return nil, err
	}
	return client.New(client.Config{
		API: n.api, Compute: n.compute, Timeout: a.flags.timeout.value,
		UserAgent: "aleph/" + a.build.Version,
	})
}
