package message

import (
	"encoding/json"
	"math"
)

func (d *decoder) program(v value) *Program {
	s := newExecSlots()
	kind, code, runtime := slot{key: "type"}, slot{key: "code"}, slot{key: "runtime"}
	data, export, on := slot{key: "data"}, slot{key: "export"}, slot{key: "on"}
	if !d.object(v, true, s.with(&kind, &code, &runtime, &data, &export, &on)...) {
		return nil
	}
	p := &Program{
		Executable:  d.executable(v, &s),
		Environment: d.programEnvironment(s.environment),
		Code:        d.programCode(code),
		Runtime:     d.programRuntime(runtime),
		Data:        d.programData(data),
		Export:      d.programExport(export),
		On:          d.trigger(on),
	}
	p.Volumes = d.volumes(s.volumes)
	d.enum(kind, "vm-function")
	return p
}

// encoding reads how an archive is packed.
func (d *decoder) encoding(s slot) Encoding {
	return Encoding(d.enum(s, string(EncodingPlain), string(EncodingZip), string(EncodingSquashfs)))
}

func (d *decoder) programCode(s slot) (c ProgramCode) {
	if !d.present(s) {
		return c
	}
	d.enter(key(s.key))
	defer d.leave()
	encoding, entrypoint, ref := slot{key: "encoding"}, slot{key: "entrypoint"}, slot{key: "ref"}
	iface, args, useLatest := slot{key: "interface"}, slot{key: "args"}, slot{key: "use_latest"}
	if !d.object(s.value, false, &encoding, &entrypoint, &ref, &iface, &args, &useLatest) {
		return c
	}
	return ProgramCode{
		Encoding: d.encoding(encoding), Entrypoint: d.text(entrypoint, anyLength), Ref: d.hash(ref),
		Interface: d.optEnum(iface, "asgi", "binary"), Args: d.optTexts(args, anyLength, anyLength),
		UseLatest: d.boolean(useLatest, false),
	}
}

func (d *decoder) programRuntime(s slot) (r ProgramRuntime) {
	if !d.present(s) {
		return r
	}
	d.enter(key(s.key))
	defer d.leave()
	ref, useLatest, comment := slot{key: "ref"}, slot{key: "use_latest"}, slot{key: "comment"}
	if !d.object(s.value, false, &ref, &useLatest, &comment) {
		return r
	}
	return ProgramRuntime{
		Ref: d.hash(ref), UseLatest: d.boolean(useLatest, true), Comment: d.text(comment, anyLength),
	}
}

func (d *decoder) programData(s slot) *ProgramData {
	if !s.value.given() {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	encoding, mount := slot{key: "encoding"}, slot{key: "mount"}
	ref, useLatest := slot{key: "ref"}, slot{key: "use_latest"}
	if !d.object(s.value, false, &encoding, &mount, &ref, &useLatest) {
		return nil
	}
	return &ProgramData{
		Encoding: d.encoding(encoding), Mount: d.text(mount, anyLength), Ref: d.hash(ref),
		UseLatest: d.optBoolean(useLatest, false),
	}
}

func (d *decoder) programExport(s slot) *ProgramExport {
	if !s.value.given() {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	encoding, mount := slot{key: "encoding"}, slot{key: "mount"}
	if !d.object(s.value, false, &encoding, &mount) {
		return nil
	}
	return &ProgramExport{Encoding: d.encoding(encoding), Mount: d.text(mount, anyLength)}
}

func (d *decoder) trigger(s slot) (t Trigger) {
	if !d.present(s) {
		return t
	}
	d.enter(key(s.key))
	defer d.leave()
	http, subscriptions, persistent := slot{key: "http"}, slot{key: "message"}, slot{key: "persistent"}
	if !d.object(s.value, true, &http, &subscriptions, &persistent) {
		return t
	}
	if d.present(http) {
		t.HTTP = d.boolean(http, false)
	}
	t.Persistent = d.optBoolean(persistent, false)
	if !subscriptions.value.given() || !d.list(subscriptions, anyLength) {
		return t
	}
	t.Message = []json.RawMessage{}
	d.enter(key(subscriptions.key))
	defer d.leave()
	for i, element := range subscriptions.value.elements {
		switch {
		case element.kind() != kindObject:
			d.fail(index(i), element, "dict_type", "Input should be an object")
		case element.length() > maxSubscriptionParts:
			d.invalid(index(i), element, "a subscription has at most %d members", maxSubscriptionParts)
		}
		t.Message = append(t.Message, json.RawMessage(element))
	}
	return t
}

// programEnvironment reads the environment of a PROGRAM: the form of an
// INSTANCE when that is valid, else its own, which ignores what the other has
// more. // spec messages 3.9
func (d *decoder) programEnvironment(s slot) Environment {
	if !d.present(s) {
		return Environment{}
	}
	trial := decoder{}
	if e := trial.instanceEnvironment(s); len(trial.errs) == 0 {
		return e
	}
	d.enter(key(s.key))
	defer d.leave()
	var e environmentSlots
	if !d.object(s.value, false, e.own()...) {
		return Environment{}
	}
	return e.decode(d)
}

// environmentSlots are the members that both environments have.
type environmentSlots struct{ reproducible, internet, alephAPI, sharedCache slot }

func (e *environmentSlots) own() []*slot {
	e.reproducible.key, e.internet.key = "reproducible", "internet"
	e.alephAPI.key, e.sharedCache.key = "aleph_api", "shared_cache"
	return []*slot{&e.reproducible, &e.internet, &e.alephAPI, &e.sharedCache}
}

func (e *environmentSlots) decode(d *decoder) Environment {
	return Environment{
		Reproducible: d.boolean(e.reproducible, false),
		Internet:     d.boolean(e.internet, false),
		AlephAPI:     d.boolean(e.alephAPI, false),
		SharedCache:  d.boolean(e.sharedCache, false),
	}
}

func (d *decoder) instance(v value) *Instance {
	s := newExecSlots()
	rootfs := slot{key: "rootfs"}
	if !d.object(v, true, s.with(&rootfs)...) {
		return nil
	}
	i := &Instance{Executable: d.executable(v, &s), Rootfs: d.rootfs(rootfs)}
	i.Volumes = d.volumes(s.volumes)
	if d.present(s.environment) {
		i.Environment = d.instanceEnvironment(s.environment)
	}
	if len(d.errs) == 0 {
		d.checkInstance(i, v)
	}
	return i
}

func (d *decoder) rootfs(s slot) (r Rootfs) {
	if !d.present(s) {
		return r
	}
	d.enter(key(s.key))
	defer d.leave()
	parent, persistence := slot{key: "parent"}, slot{key: "persistence"}
	size, forgottenBy := slot{key: "size_mib"}, slot{key: "forgotten_by"}
	if !d.object(s.value, false, &parent, &persistence, &size, &forgottenBy) {
		return r
	}
	if d.present(parent) {
		r.Parent = d.parent(parent)
	}
	r.Persistence = d.enum(persistence, "host", "store")
	r.SizeMiB = d.strictInteger(size, 1, maxPersistentSizeMiB)
	d.optTexts(forgottenBy, anyLength, anyLength)
	return r
}

func (d *decoder) instanceEnvironment(s slot) Environment {
	d.enter(key(s.key))
	defer d.leave()
	var e environmentSlots
	hypervisor, trusted := slot{key: "hypervisor"}, slot{key: "trusted_execution"}
	if !d.object(s.value, false, append(e.own(), &hypervisor, &trusted)...) {
		return Environment{}
	}
	env := e.decode(d)
	env.Hypervisor = d.optEnum(hypervisor, "qemu", "firecracker")
	if !trusted.value.given() {
		return env
	}
	env.TrustedExecution = d.trustedExecution(trusted)
	// An empty object asks for a confidential machine and escapes this rule.
	if trusted.value.length() > 0 && env.Hypervisor != "qemu" {
		d.invalid(key(trusted.key), trusted.value, "trusted execution needs the qemu hypervisor")
	}
	return env
}

// trustedExecution reads the member of that name. // spec messages 3.10
func (d *decoder) trustedExecution(s slot) *TrustedExecution {
	d.enter(key(s.key))
	defer d.leave()
	firmware, policy, mode := slot{key: "firmware"}, slot{key: "policy"}, slot{key: "mode"}
	runtime, measurements, port := slot{key: "runtime"}, slot{key: "measurements"}, slot{key: "attestation_port"}
	if !d.object(s.value, true, &firmware, &policy, &mode, &runtime, &measurements, &port) {
		return nil
	}
	t := &TrustedExecution{
		Firmware:     d.optHash(firmware),
		Policy:       1,
		Mode:         d.optEnum(mode, "sev", "sev_snp"),
		Runtime:      d.optHash(runtime),
		Measurements: d.measurements(measurements),
	}
	if port.value.given() {
		t.AttestationPort = d.integer(port, 1, maxPort, 0)
	}
	if policy.value != nil {
		// Larger ones fail when the reference stores them. // Q-31
		t.Policy = int64(d.integer(policy, math.MinInt32, math.MaxInt32, 1))
	}
	if t.Mode != "sev_snp" {
		for _, other := range []slot{runtime, measurements, port} {
			if other.value.given() {
				d.invalid(key(other.key), other.value, "only the mode 'sev_snp' has this member")
			}
		}
		return t
	}
	if t.Firmware != "" {
		d.invalid(key(firmware.key), firmware.value, "the mode 'sev_snp' has no firmware")
	}
	if !runtime.value.given() {
		d.invalid(key(runtime.key), runtime.value, "the mode 'sev_snp' needs a runtime")
	}
	if measurements.value.length() == 0 {
		d.invalid(key(measurements.key), measurements.value, "the mode 'sev_snp' needs measurements")
	}
	if t.Policy < 0 || t.Policy&policyReserved == 0 {
		d.invalid(key(policy.key), policy.value, "bit 17 of an SEV-SNP policy must be set")
	}
	return t
}

// checkInstance applies the rules across members, which hold only when
// requirements are given, even as an empty object. // spec messages 3.10
func (d *decoder) checkInstance(i *Instance, v value) {
	r := i.Requirements
	if r == nil {
		return
	}
	nodeHash := r.Node != nil && r.Node.NodeHash != ""
	metered := i.Payment != nil && i.Payment.Type != PaymentHold
	if metered && !nodeHash {
		d.invalid(itself(), v, "payment by stream or credit needs requirements.node.node_hash")
	}
	if len(r.GPUs) > 0 && !nodeHash {
		d.invalid(itself(), v, "a GPU needs requirements.node.node_hash")
	}
	if len(r.GPUs) > 0 && i.Environment.Hypervisor != "qemu" {
		d.invalid(itself(), v, "a GPU needs the qemu hypervisor")
	}
	if r.Node == nil || r.Node.TermsAndConditions == "" {
		return
	}
	if !nodeHash {
		d.invalid(itself(), v, "terms_and_conditions needs requirements.node.node_hash")
	}
	if !metered && i.Environment.TrustedExecution == nil {
		d.invalid(itself(), v, "terms_and_conditions needs payment by stream or credit, or trusted execution")
	}
}
