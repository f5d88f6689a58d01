package vm

import (
	"aleph/internal/compute/guest"
	"aleph/message"
)

// Spec says what one machine runs. It is complete when the content step ends;
// nothing changes it afterwards except the disks step, which fills the sources
// of persistent volumes.
type Spec struct {
	// ID names the machine on this host; it is made by [Starter.Start].
	ID string
	// Hash is the message that the machine runs for.
	Hash message.Hash
	// Root is the directory of the runtime's root file system. It is shared
	// between machines and never written.
	Root string
	Code Code
	// Data is the zip archive that the guest unpacks at /data; nil when none.
	Data      []byte
	Resources Resources
	// Env is added to the environment of the program.
	Env     map[string]string
	Volumes []Volume
	// Internet attaches the machine to the internet; without it the machine
	// has no interface but loopback.
	Internet bool
	// AuthorizedKeys are the SSH keys of the owner, passed to the guest.
	AuthorizedKeys []string
}

// Code is what the guest executes.
type Code struct {
	Encoding message.Encoding
	// Entrypoint is a path in the code, or module:name for ASGI.
	Entrypoint string
	Interface  guest.Interface
	// Bytes is the code itself when Encoding is plain.
	Bytes []byte
	// Dir is the unpacked archive otherwise; it is mounted read-only at
	// [CodeMount].
	Dir string
}

// CodeMount is where a guest finds an unpacked archive. // spec crn 3.7
const CodeMount = "/opt/code"

// Resources bounds one machine.
type Resources struct {
	VCPUs     int
	MemoryMiB int
	// PIDs bounds the host processes and threads of the sandbox.
	PIDs int
}

// Volume is one mount of a machine.
type Volume struct {
	Kind message.VolumeKind
	// Name of a persistent volume, unique among those of its message.
	Name string
	// Mount is the absolute path inside the guest.
	Mount string
	// Source is a host directory, or a host file for an immutable volume that
	// is no archive. Ephemeral volumes have none.
	Source   string
	ReadOnly bool
	SizeMiB  int
}
