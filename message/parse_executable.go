package message

import (
	"encoding/json"
	"math"
)

// The limits of executables. // spec messages 3.8
const (
	maxMetadataMembers   = 256
	maxAuthorizedKeys    = 256
	maxAuthorizedKey     = 8192 // code points
	maxVariables         = 256
	maxVariableKey       = 128       // code points
	maxVariableValue     = 4096      // code points
	maxReplaces          = 128       // code points
	maxVCPUs             = 256       // virtual processors
	maxMemory            = 1048576   // MiB
	maxSeconds           = 315360000 // ten years of 365 days
	maxPort              = 65535
	maxAddressRegex      = 256 // code points
	maxSubscriptionParts = 32  // members of one subscription
)

// execSlots are the members that PROGRAM, INSTANCE and V-PROGRAM share.
type execSlots struct {
	address, time, allowAmend, metadata, authorizedKeys, variables       slot
	environment, resources, payment, requirements, volumes, replacesSlot slot
}

func newExecSlots() execSlots {
	return execSlots{
		address: slot{key: "address"}, time: slot{key: "time"}, allowAmend: slot{key: "allow_amend"},
		metadata: slot{key: "metadata"}, authorizedKeys: slot{key: "authorized_keys"},
		variables: slot{key: "variables"}, environment: slot{key: "environment"},
		resources: slot{key: "resources"}, payment: slot{key: "payment"},
		requirements: slot{key: "requirements"}, volumes: slot{key: "volumes"}, replacesSlot: slot{key: "replaces"},
	}
}

// with lists the shared slots and those of one type.
func (s *execSlots) with(own ...*slot) []*slot {
	return append([]*slot{
		&s.address, &s.time, &s.allowAmend, &s.metadata, &s.authorizedKeys, &s.variables,
		&s.environment, &s.resources, &s.payment, &s.requirements, &s.volumes, &s.replacesSlot,
	}, own...)
}

// executable reads the shared members except environment and volumes, whose
// schemas differ by type.
func (d *decoder) executable(v value, s *execSlots) Executable {
	e := Executable{
		Base:           d.base(v, s.address, s.time),
		Metadata:       d.optObject(s.metadata, maxMetadataMembers),
		AuthorizedKeys: d.optTexts(s.authorizedKeys, maxAuthorizedKeys, maxAuthorizedKey),
		Variables:      d.variables(s.variables),
		Resources:      d.resources(s.resources),
		Payment:        d.payment(s.payment),
		Requirements:   d.requirements(s.requirements),
		Replaces:       d.optText(s.replacesSlot, maxReplaces),
		HasReplaces:    s.replacesSlot.value.given(),
	}
	if d.present(s.allowAmend) {
		e.AllowAmend = d.boolean(s.allowAmend, false)
	}
	return e
}

// variables reads a map of strings; nil when absent or null.
func (d *decoder) variables(s slot) map[string]string {
	if d.optObject(s, maxVariables) == nil {
		return nil
	}
	last := make(map[string]value)
	for name, text := range s.value.members {
		last[string(name)] = text
	}
	d.enter(key(s.key))
	defer d.leave()
	variables := make(map[string]string, len(last))
	for name, text := range last {
		if len(name) > maxVariableKey {
			d.textValue(key(name), quoted(name), maxVariableKey)
		}
		variables[name] = d.textValue(key(name), text, maxVariableValue)
	}
	return variables
}

func (d *decoder) resources(s slot) Resources {
	r := Resources{VCPUs: 1, Memory: 128, Seconds: 1}
	if !d.present(s) {
		return r
	}
	d.enter(key(s.key))
	defer d.leave()
	vcpus, memory := slot{key: "vcpus"}, slot{key: "memory"}
	seconds, ports := slot{key: "seconds"}, slot{key: "published_ports"}
	if !d.object(s.value, false, &vcpus, &memory, &seconds, &ports) {
		return r
	}
	r.VCPUs = d.integer(vcpus, 1, maxVCPUs, r.VCPUs)
	r.Memory = d.integer(memory, 1, maxMemory, r.Memory)
	r.Seconds = d.integer(seconds, 1, maxSeconds, r.Seconds)
	r.PublishedPorts = d.publishedPorts(ports)
	return r
}

func (d *decoder) publishedPorts(s slot) []PublishedPort {
	if !s.value.given() || !d.list(s, anyLength) {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	ports := []PublishedPort{}
	for i, element := range s.value.elements {
		d.enter(index(i))
		protocol, port := slot{key: "protocol"}, slot{key: "port"}
		p := PublishedPort{Protocol: "tcp"}
		if d.object(element, false, &protocol, &port) {
			if protocol.value != nil {
				p.Protocol = d.enum(protocol, "tcp", "udp")
			}
			if d.present(port) {
				p.Port = d.integer(port, 1, maxPort, 0)
			}
		}
		ports = append(ports, p)
		d.leave()
	}
	return ports
}

func (d *decoder) requirements(s slot) *Requirements {
	if !s.value.given() {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	cpu, node, gpu := slot{key: "cpu"}, slot{key: "node"}, slot{key: "gpu"}
	if !d.object(s.value, true, &cpu, &node, &gpu) {
		return nil
	}
	return &Requirements{CPU: d.cpuRequirement(cpu), Node: d.nodeRequirement(node), GPUs: d.gpuRequirements(gpu)}
}

func (d *decoder) cpuRequirement(s slot) *CPURequirement {
	if !s.value.given() {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	architecture, vendor, features := slot{key: "architecture"}, slot{key: "vendor"}, slot{key: "features"}
	if !d.object(s.value, true, &architecture, &vendor, &features) {
		return nil
	}
	return &CPURequirement{
		Architecture: d.optEnum(architecture, "x86_64", "arm64"),
		Vendor:       d.optText(vendor, anyLength),
		Features:     d.optTexts(features, anyLength, anyLength),
	}
}

func (d *decoder) nodeRequirement(s slot) *NodeRequirement {
	if !s.value.given() {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	owner, regex := slot{key: "owner"}, slot{key: "address_regex"}
	nodeHash, terms := slot{key: "node_hash"}, slot{key: "terms_and_conditions"}
	if !d.object(s.value, true, &owner, &regex, &nodeHash, &terms) {
		return nil
	}
	n := &NodeRequirement{
		Owner:              Address(d.optText(owner, anyLength)),
		AddressRegex:       d.optText(regex, maxAddressRegex),
		NodeHash:           d.optHash(nodeHash),
		TermsAndConditions: d.optHash(terms),
	}
	if err := checkPattern(n.AddressRegex); err != nil {
		d.invalid(key(regex.key), regex.value, "invalid regular expression: %s", err)
	}
	return n
}

func (d *decoder) gpuRequirements(s slot) []GPURequirement {
	if !s.value.given() || !d.list(s, anyLength) {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	gpus := []GPURequirement{}
	for i, element := range s.value.elements {
		d.enter(index(i))
		vendor, name := slot{key: "vendor"}, slot{key: "device_name"}
		class, id := slot{key: "device_class"}, slot{key: "device_id"}
		if d.object(element, true, &vendor, &name, &class, &id) {
			gpus = append(gpus, GPURequirement{
				Vendor: d.text(vendor, anyLength), DeviceName: d.text(name, anyLength),
				DeviceClass: d.enum(class, "0300", "0302"), DeviceID: d.text(id, anyLength),
			})
		}
		d.leave()
	}
	return gpus
}

// The bits of a guest policy. // spec messages 3.10, 3.11
const (
	// policyReserved is bit 17, which every SEV-SNP policy must set.
	policyReserved = 1 << 17
	// defaultSNPPolicy lets the guest run with simultaneous multithreading.
	defaultSNPPolicy = 0x30000
	maxMeasurements  = 16
	maxVCPUType      = 64 // code points
)

// measurements reads launch digests; nil when absent or null.
func (d *decoder) measurements(s slot) []Measurement {
	if !s.value.given() || !d.list(s, maxMeasurements) {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	list := []Measurement{}
	for i, element := range s.value.elements {
		d.enter(index(i))
		platform, digest, vcpuType := slot{key: "platform"}, slot{key: "digest"}, slot{key: "vcpu_type"}
		if d.object(element, true, &platform, &digest, &vcpuType) {
			list = append(list, Measurement{
				Platform: d.enum(platform, "sev_snp"),
				Digest:   d.hexDigits(digest, 96),
				VCPUType: d.optText(vcpuType, maxVCPUType),
			})
		}
		d.leave()
	}
	return list
}

// hexDigits reads a required string of exactly n lower-case hex digits.
func (d *decoder) hexDigits(s slot, n int) string {
	text := d.text(s, anyLength)
	if s.value.kind() == kindString && (len(text) != n || !isHex(text)) {
		d.fail(key(s.key), s.value, "string_pattern_mismatch", "String should match pattern '^[0-9a-f]{%d}$'", n)
	}
	return text
}

// snpPolicy reads a policy of 64 bits without sign. // spec messages 3.11
func (d *decoder) snpPolicy(s slot, absentValue uint64) uint64 {
	if s.value == nil {
		return absentValue
	}
	n, ok := d.anyInteger(s)
	if !ok {
		return 0
	}
	if n.negative {
		d.fail(key(s.key), s.value, "greater_than_equal", "Input should be greater than or equal to 0")
		return 0
	}
	if n.over {
		d.fail(key(s.key), s.value, "less_than_equal", "Input should be less than or equal to %d", uint64(math.MaxUint64))
		return 0
	}
	if n.abs&policyReserved == 0 {
		d.invalid(key(s.key), s.value, "bit 17 of an SEV-SNP policy must be set")
	}
	return n.abs
}

// quoted returns text as a JSON string.
func quoted(text string) value {
	b, err := json.Marshal(text)
	if err != nil {
		return value(`""`) // cannot happen: any string marshals
	}
	return b
}
