package guest

import (
	"strings"

	"github.com/vmihailenco/msgpack/v5"
)

// The versions that a guest may announce. // spec crn 3.4, 3.5
const (
	Version1 = "1.0.0"
	Version2 = "2.0.0"
	// Version3 is ours: bodies stream both ways.
	Version3 = "3.0.0"
)

// MaxMessage bounds a request or reply of protocol 2.0.0, and the code and the
// data archive of a configuration. // spec crn 3.4, 3.5
const MaxMessage = 10_000_000

// Interface says how the guest talks to the program.
type Interface string

// The interfaces.
const (
	ASGI       Interface = "asgi"
	Executable Interface = "executable"
)

// InterfaceOf returns the interface of a program from its message: declared is
// content.code.interface, which may be empty. // spec crn 3.5
func InterfaceOf(declared, entrypoint string) Interface {
	switch {
	case declared == "binary":
		return Executable
	case declared == "asgi", strings.Contains(entrypoint, ":"):
		return ASGI
	}
	return Executable
}

// Volume is a disk that the guest mounts.
type Volume struct {
	Mount    string `msgpack:"mount"`
	Device   string `msgpack:"device"`
	ReadOnly bool   `msgpack:"read_only"`
}

// Config is what the guest needs to make a program ready. // spec crn 3.5
type Config struct {
	// InputData is a zip archive for /data; nil for none.
	InputData  []byte
	Interface  Interface
	VMHash     string
	Encoding   string // plain, zip or squashfs
	Entrypoint string
	// Code is empty for squashfs: the code is then a volume.
	Code []byte
	// IP has no mask, IPv6 has one. Empty addresses are sent as nil.
	IP, Route         string
	IPv6, IPv6Gateway string
	DNSServers        []string
	Volumes           []Volume
	// Variables become the program's environment.
	Variables      map[string]string
	AuthorizedKeys []string
}

// wireConfig1 is the payload for guests of version 1.0.0.
type wireConfig1 struct {
	InputData  []byte            `msgpack:"input_data"`
	Interface  Interface         `msgpack:"interface"`
	VMHash     string            `msgpack:"vm_hash"`
	Encoding   string            `msgpack:"encoding"`
	Entrypoint string            `msgpack:"entrypoint"`
	Code       []byte            `msgpack:"code"`
	IP         *string           `msgpack:"ip"`
	Route      *string           `msgpack:"route"`
	DNSServers []string          `msgpack:"dns_servers"`
	Volumes    []Volume          `msgpack:"volumes"`
	Variables  map[string]string `msgpack:"variables"`
}

// wireConfig2 is the payload for every other version.
type wireConfig2 struct {
	wireConfig1    `msgpack:",inline"`
	IPv6           *string  `msgpack:"ipv6"`
	IPv6Gateway    *string  `msgpack:"ipv6_gateway"`
	AuthorizedKeys []string `msgpack:"authorized_keys"`
}

// encode returns the payload for a guest of the given version.
func (c *Config) encode(version string) ([]byte, error) {
	one := wireConfig1{
		InputData: c.InputData, Interface: c.Interface, VMHash: c.VMHash, Encoding: c.Encoding,
		Entrypoint: c.Entrypoint, Code: c.Code, IP: optional(c.IP), Route: optional(c.Route),
		DNSServers: c.DNSServers, Volumes: c.Volumes, Variables: c.Variables,
	}
	// These three are never nil on the wire.
	if one.Code == nil {
		one.Code = []byte{}
	}
	if one.DNSServers == nil {
		one.DNSServers = []string{}
	}
	if one.Volumes == nil {
		one.Volumes = []Volume{}
	}
	if version == Version1 {
		return msgpack.Marshal(&one)
	}
	return msgpack.Marshal(&wireConfig2{
		wireConfig1: one, IPv6: optional(c.IPv6), IPv6Gateway: optional(c.IPv6Gateway),
		AuthorizedKeys: c.AuthorizedKeys,
	})
}

// decodeConfig reads a payload of either form.
func decodeConfig(raw []byte) (*Config, error) {
	var w wireConfig2
	if err := decodeValue(raw, &w); err != nil {
		return nil, err
	}
	return &Config{
		InputData: w.InputData, Interface: w.Interface, VMHash: w.VMHash, Encoding: w.Encoding,
		Entrypoint: w.Entrypoint, Code: w.Code, IP: value(w.IP), Route: value(w.Route),
		IPv6: value(w.IPv6), IPv6Gateway: value(w.IPv6Gateway), DNSServers: w.DNSServers,
		Volumes: w.Volumes, Variables: w.Variables, AuthorizedKeys: w.AuthorizedKeys,
	}, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
