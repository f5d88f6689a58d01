package house

import (
	"fmt"
	"slices"
	"strings"
)

// Package is what the laws need to know of one package of the module.
type Package struct {
	// Path is relative to the module, "internal/node/store".
	Path string
	// Imports are the packages its code imports: those of the module relative
	// to it with a leading "./", all others by their import path.
	Imports []string
	// Deps is Imports, and theirs, all the way down.
	Deps []string
	// TestImports are what its tests import besides.
	TestImports []string
}

// area is a part of the tree with the parts below it. Patterns end in "/..."
// to mean a folder and everything in it.
type area struct {
	match  string
	may    []string
	reason string
}

// areas is the direction of imports. The first area that matches a package
// rules it. A package that no area matches has no place yet: give it one here, in
// the same commit.
//
//	cmd → cli → local → { node, compute } → client → { account, attest } → message
var areas = []area{
	{"message", nil, "the vocabulary is below everything"},
	{"account/...", []string{"message", "account/..."}, "who signs knows only what is signed"},
	{"attest/...", []string{"message", "attest/..."}, "evidence is checked without a network"},
	{"client/...", []string{"message", "account/...", "attest/...", "client/..."}, "the SDK is public and stays small"},
	{"internal/telemetry/...", []string{"internal/telemetry/..."}, "everything may import telemetry, so it imports nothing of ours"},

	{"docs", nil, "documents are files: whoever shows them imports them"},
	{"internal/lock", nil, "a lock is a file: it knows nobody who takes it"},

	{"internal/node/store/storetest", []string{"internal/node/store", "test/postgres"}, "it starts a database and opens it, for tests only"},
	{"internal/node/store/...", []string{"message", "internal/lock", "internal/telemetry", "internal/node/store/..."}, "the store knows no rule"},
	{"internal/node/blob/...", []string{"message", "client", "internal/telemetry", "internal/node/blob/..."}, "bytes by hash know no message's state"},
	{"internal/node/pricing", []string{"message"}, "pricing is arithmetic: prices come in as values"},
	{"internal/node/apply", []string{"message", "account", "internal/telemetry", "internal/node/pricing", "internal/node/store"}, "rules of the protocol sit between ingest and the store"},
	{"internal/node/ingest", []string{"message", "account", "client", "internal/telemetry", "internal/node/apply", "internal/node/pricing", "internal/node/store", "internal/node/blob"}, "ingest does not know through which door a message came"},
	{"internal/node/api/...", []string{"docs", "message", "account", "client", "internal/telemetry", "internal/node/ingest", "internal/node/apply", "internal/node/pricing", "internal/node/store", "internal/node/blob", "internal/node/limit", "internal/node/api/..."}, "a door calls inward and knows no other door"},
	{"internal/node/admin", []string{"message", "internal/telemetry", "internal/node/ingest", "internal/node/store"}, "the operator's door calls inward and knows no other door"},
	{"internal/node/limit", nil, "counting knows nobody who is counted"},
	{"internal/node/replica", []string{"message", "internal/telemetry", "internal/node/ingest", "internal/node/limit", "internal/node/store"}, "processes of one node know each other below their doors"},
	{"internal/node", []string{"message", "account", "attest", "client", "internal/telemetry", "internal/node/..."}, "a role imports no other role: the node is a server, others are its clients"},

	{"internal/compute/guest/...", []string{"message", "internal/compute/guest/..."}, "the guest protocol is linked into PID 1 of every sandbox"},
	{"internal/compute/network/...", []string{"message", "internal/telemetry", "internal/compute/network/..."}, "networks know no machine"},
	{"internal/compute/disk/...", []string{"message", "client", "internal/telemetry", "internal/compute/disk/..."}, "disks know no machine"},
	{"internal/compute/runtime/...", []string{"message", "client", "internal/telemetry", "internal/compute/guest", "internal/compute/disk", "internal/compute/runtime/..."}, "a runtime is built without a machine"},
	{"internal/compute/vm/...", []string{"message", "internal/telemetry", "internal/compute/guest", "internal/compute/network", "internal/compute/disk", "internal/compute/vm/..."}, "the contract of drivers knows no driver"},
	{"internal/compute/gvisor/...", drivers("gvisor"), driverReason},
	{"internal/compute/firecracker/...", drivers("firecracker"), driverReason},
	{"internal/compute/qemu/...", drivers("qemu"), driverReason},
	{"internal/compute/...", []string{"message", "account", "attest", "client", "internal/telemetry", "internal/compute/..."}, "a compute host is a client of the network: it learns of messages through client, and imports no other role"},

	{"internal/local/...", []string{"message", "account", "attest", "client", "internal/telemetry", "internal/lock", "internal/node", "internal/node/...", "internal/compute", "internal/compute/...", "internal/local/..."}, "local composes the roles and is composed by the command line"},
	{"internal/config/...", []string{"message", "account", "client", "internal/telemetry", "internal/node/...", "internal/compute/...", "internal/local", "internal/config/..."}, "config composes each part's own Config"},
	{"internal/bench/...", []string{"message", "account", "client", "internal/telemetry", "internal/node/...", "internal/compute/...", "internal/local/...", "internal/bench/..."}, "load is made from outside, by the means a user has"},
	{"internal/cli/...", []string{"message", "account/...", "attest/...", "client/...", "internal/..."}, "the command line is above every part"},

	{"cmd/aleph-init", []string{"message", "internal/compute/guest/..."}, "PID 1 of a sandbox is small: each byte of it is copied into every runtime"},
	{"cmd/aleph", []string{"internal/cli", "internal/telemetry"}, "main holds signals, arguments and the exit code"},

	{"web", nil, "the console is files"},
	{"examples/...", nil, "an example is what a user would write: it needs nothing of ours"},
	{"test/...", []string{"..."}, "whole-system tests may look at everything"},
}

const driverReason = "drivers know the contract, never the host or its API"

func drivers(name string) []string {
	return []string{
		"message", "attest/...", "internal/telemetry", "internal/compute/guest", "internal/compute/network", "internal/compute/disk",
		"internal/compute/vm/...", "internal/compute/" + name + "/...",
	}
}

// matches reports whether a pattern covers a package.
func matches(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	}
	return pkg == pattern
}

// Direction finds imports that point the wrong way. Tests are free to import
// what they need to run something real.
func Direction(packages []Package) []string {
	var offences []string
	for _, pkg := range packages {
		i := slices.IndexFunc(areas, func(a area) bool { return matches(a.match, pkg.Path) })
		if i < 0 {
			offences = append(offences, fmt.Sprintf("%s has no place in the direction of imports: add it to areas in test/house/imports.go", pkg.Path))
			continue
		}
		for _, imported := range pkg.Imports {
			ours, ok := strings.CutPrefix(imported, "./")
			if !ok || slices.ContainsFunc(areas[i].may, func(pattern string) bool { return matches(pattern, ours) }) {
				continue
			}
			offences = append(offences, fmt.Sprintf("%s must not import %s: %s", pkg.Path, ours, areas[i].reason))
		}
	}
	return offences
}

// Outside libraries by the trouble they bring.
var (
	databaseDrivers = []string{"github.com/mattn/go-sqlite3", "modernc.org/sqlite", "github.com/jackc/pgx/...", "github.com/lib/pq"}
	commandLine     = []string{"github.com/spf13/...", "charm.land/...", "github.com/vbauerster/mpb/..."}
	peerToPeer      = []string{"github.com/libp2p/...", "github.com/ipfs/..."}
	hostNetworks    = []string{"github.com/google/nftables/..."}
	machines        = append([]string{"github.com/vishvananda/...", "github.com/opencontainers/..."}, hostNetworks...)
)

// absence is what a package must not be linked with, however far down.
type absence struct {
	match  string
	never  [][]string
	reason string
}

// absences keeps what others link small.
var absences = []absence{
	{"message", [][]string{databaseDrivers, commandLine, peerToPeer, machines, {"net/http", "os/exec", "database/sql", "github.com/ethereum/..."}}, "the vocabulary does no input or output and links nothing a browser or a phone could not"},
	{"account/...", [][]string{databaseDrivers, commandLine, peerToPeer, machines, {"net/http"}}, "signing needs no network and no database"},
	{"attest/...", [][]string{databaseDrivers, commandLine, peerToPeer, machines}, "evidence is public API: whoever verifies it links nothing of a node"},
	{"client/...", [][]string{databaseDrivers, commandLine, peerToPeer, machines, {"github.com/pressly/..."}}, "the SDK is public API: a program that publishes a post links nothing of a node"},
	{"internal/compute/...", [][]string{databaseDrivers, commandLine, peerToPeer, {"github.com/pressly/..."}}, "a compute host has no database of messages and no gossip: it asks a node"},
	{"internal/compute/guest/...", [][]string{machines, {"github.com/ethereum/...", "github.com/prometheus/..."}}, "the guest side is linked into PID 1 of every sandbox"},
	{"internal/node/...", [][]string{commandLine, machines}, "a node starts no machine and prints nothing"},
	{"cmd/aleph-init", [][]string{databaseDrivers, commandLine, peerToPeer, hostNetworks, {"database/sql", "github.com/opencontainers/...", "github.com/ethereum/...", "github.com/prometheus/...", "github.com/coder/websocket"}}, "PID 1 of a sandbox is static and small"},
}

// Absences finds packages linked with what they must do without.
func Absences(packages []Package) []string {
	var offences []string
	for _, pkg := range packages {
		for _, rule := range absences {
			if !matches(rule.match, pkg.Path) {
				continue
			}
			for _, dep := range pkg.Deps {
				if covered(rule.never, dep) {
					offences = append(offences, fmt.Sprintf("%s depends on %s: %s", pkg.Path, dep, rule.reason))
				}
			}
		}
	}
	return offences
}

func covered(groups [][]string, pkg string) bool {
	for _, group := range groups {
		if slices.ContainsFunc(group, func(pattern string) bool { return matches(pattern, pkg) }) {
			return true
		}
	}
	return false
}

// Privileges finds packages that import, in code or tests, what belongs to one
// place only.
func Privileges(packages []Package) []string {
	var offences []string
	for _, pkg := range packages {
		for _, imported := range slices.Concat(pkg.Imports, pkg.TestImports) {
			switch {
			case covered([][]string{databaseDrivers}, imported) && !matches("internal/node/store/...", pkg.Path) && pkg.Path != "test/postgres":
				offences = append(offences, fmt.Sprintf("%s imports %s: only internal/node/store links database drivers", pkg.Path, imported))
			case imported == "database/sql" && matches("internal/node/apply/...", pkg.Path):
				offences = append(offences, fmt.Sprintf("%s imports %s: apply knows no SQL, it calls internal/node/store", pkg.Path, imported))
			}
		}
	}
	return offences
}
