package message

import "encoding/json"

// Executable is the part that PROGRAM, INSTANCE and V-PROGRAM share. // spec messages 3.8
type Executable struct {
	Base
	AllowAmend     bool
	Metadata       json.RawMessage
	AuthorizedKeys []string
	Variables      map[string]string
	Resources      Resources
	Payment        *Payment
	Requirements   *Requirements
	// Volumes of a PROGRAM or INSTANCE; a V-PROGRAM has verified volumes instead.
	Volumes []Volume
	// Replaces names the machine that this one updates.
	Replaces string
	// HasReplaces tells an empty name, which no machine has, from an absent or
	// null one.
	HasReplaces bool
}

// Resources is what a machine may use.
type Resources struct {
	VCPUs          int // 1…256, default 1
	Memory         int // MiB, 1…1048576, default 128
	Seconds        int // per request, default 1
	PublishedPorts []PublishedPort
}

// PublishedPort is a port that the owner wants reachable.
type PublishedPort struct {
	Protocol string // tcp or udp
	Port     int
}

// Requirements restricts the hosts that may run a machine.
type Requirements struct {
	CPU  *CPURequirement
	Node *NodeRequirement
	GPUs []GPURequirement
}

// CPURequirement restricts the processor.
type CPURequirement struct {
	Architecture string
	Vendor       string
	Features     []string
}

// NodeRequirement restricts the host.
type NodeRequirement struct {
	Owner              Address
	AddressRegex       string
	NodeHash           Hash
	TermsAndConditions Hash
}

// GPURequirement names a device.
type GPURequirement struct {
	Vendor, DeviceName, DeviceClass, DeviceID string
}

// VolumeKind says which of the three shapes a volume has.
type VolumeKind string

// The kinds of volume.
const (
	VolumeImmutable  VolumeKind = "immutable"
	VolumeEphemeral  VolumeKind = "ephemeral"
	VolumePersistent VolumeKind = "persistent"
)

// Volume is a disk of a machine. Which fields count depends on Kind.
type Volume struct {
	Kind      VolumeKind
	Comment   string
	Mount     string
	Ref       Hash // immutable
	UseLatest bool // immutable
	SizeMiB   int  // ephemeral, persistent
	// Persistent volumes only.
	Parent      *Parent
	Persistence string // host, store or empty
	Name        string
	// HasName tells an empty name from an absent or null one.
	HasName bool
}

// Parent is the image that a disk starts from.
type Parent struct {
	Ref       Hash
	UseLatest bool
}

// Environment is what a PROGRAM or INSTANCE asks of its surroundings.
type Environment struct {
	Reproducible bool
	Internet     bool
	AlephAPI     bool
	SharedCache  bool
	// Instances only.
	Hypervisor       string
	TrustedExecution *TrustedExecution
}

// Program is a function: code that runs when it is called. // spec messages 3.9
type Program struct {
	Executable
	Environment Environment
	Code        ProgramCode
	Runtime     ProgramRuntime
	Data        *ProgramData
	Export      *ProgramExport
	On          Trigger
}

// Encoding says how the bytes of a program's code or data are packed.
type Encoding string

// The encodings.
const (
	EncodingPlain    Encoding = "plain"
	EncodingZip      Encoding = "zip"
	EncodingSquashfs Encoding = "squashfs"
)

// ProgramCode is what a program runs.
type ProgramCode struct {
	Encoding   Encoding
	Entrypoint string
	Ref        Hash
	// Interface is asgi, binary, or empty when the sender left it open.
	Interface string
	Args      []string
	UseLatest bool
}

// ProgramRuntime is the root file system a program runs on.
type ProgramRuntime struct {
	Ref       Hash
	UseLatest bool
	Comment   string
}

// ProgramData is an archive given to a program.
type ProgramData struct {
	Encoding  Encoding
	Mount     string
	Ref       Hash
	UseLatest bool
}

// ProgramExport is the part of a program's file system to keep.
type ProgramExport struct {
	Encoding Encoding
	Mount    string
}

// Trigger says when a program runs.
type Trigger struct {
	HTTP       bool
	Message    []json.RawMessage // subscriptions: objects of at most 32 members
	Persistent bool
}

// Instance is a virtual machine. // spec messages 3.10
type Instance struct {
	Executable
	Environment Environment
	Rootfs      Rootfs
}

// Rootfs is the first disk of an instance.
type Rootfs struct {
	Parent      Parent
	Persistence string
	SizeMiB     int
}

// TrustedExecution asks for a confidential machine. // spec messages 3.10
type TrustedExecution struct {
	Firmware Hash
	// Policy is the guest policy, default 1. It fits 32 bits with sign. // Q-31
	Policy          int64
	Mode            string // sev, sev_snp or empty
	Runtime         Hash
	Measurements    []Measurement
	AttestationPort int // 0 when absent
}

// Measurement is a launch digest that an owner accepts.
type Measurement struct {
	Platform string
	Digest   string // 96 hex digits
	VCPUType string
}

// VProgram is a verifiable program. // spec messages 3.11
type VProgram struct {
	Executable
	Internet     bool
	Runtime      Hash
	Comment      string
	Workload     VerifiedVolume
	Policy       uint64
	Measurements []Measurement
	// VerifiedVolumes are positional.
	VerifiedVolumes []VerifiedVolume
}

// VerifiedVolume is a disk whose blocks are checked against a hash tree.
type VerifiedVolume struct {
	Ref      Hash
	HashTree Hash
	RootHash string
	Comment  string
}
