package message

// The limits of V-PROGRAM. // spec messages 3.11
const (
	maxVerifiedVolumes = 8
	maxVProgramComment = 1024 // code points
)

// vprogram reads the schema revision that the network runs. It accepts
// allow_amend and refuses replaces, which never does what it says. // Q-09
func (d *decoder) vprogram(v value) *VProgram {
	s := newExecSlots()
	runtime, workload, verification := slot{key: "runtime"}, slot{key: "workload"}, slot{key: "verification"}
	if !d.object(v, true, s.with(&runtime, &workload, &verification)...) {
		return nil
	}
	p := &VProgram{Executable: d.executable(v, &s), Workload: d.workload(workload)}
	p.Runtime, p.Comment = d.vprogramRuntime(runtime)
	p.Internet = d.vprogramEnvironment(s.environment)
	p.VerifiedVolumes = d.verifiedVolumes(s.volumes)
	p.Policy, p.Measurements = d.verification(verification)
	switch {
	case !s.payment.value.given():
		d.fail(key(s.payment.key), nil, "missing", "Field required")
	case p.Payment != nil && p.Payment.Type != PaymentCredit:
		d.invalid(key(s.payment.key), s.payment.value, "only 'credit' pays for a verifiable program")
	}
	if len(p.Variables) > 0 {
		d.invalid(key(s.variables.key), s.variables.value, "a verifiable program has no variables")
	}
	if len(p.AuthorizedKeys) > 0 {
		d.invalid(key(s.authorizedKeys.key), s.authorizedKeys.value, "a verifiable program has no authorized keys")
	}
	if s.replacesSlot.value.given() {
		d.invalid(key(s.replacesSlot.key), s.replacesSlot.value, "a verifiable program replaces no other")
	}
	return p
}

func (d *decoder) vprogramEnvironment(s slot) (internet bool) {
	if !d.present(s) {
		return false
	}
	d.enter(key(s.key))
	defer d.leave()
	allowed := slot{key: "internet"}
	return d.object(s.value, true, &allowed) && d.boolean(allowed, false)
}

func (d *decoder) vprogramRuntime(s slot) (Hash, string) {
	if !d.present(s) {
		return "", ""
	}
	d.enter(key(s.key))
	defer d.leave()
	ref, comment := slot{key: "ref"}, slot{key: "comment"}
	if !d.object(s.value, true, &ref, &comment) {
		return "", ""
	}
	return d.hash(ref), d.vprogramComment(comment)
}

// vprogramComment reads a comment that may be absent and not null.
func (d *decoder) vprogramComment(s slot) string {
	if s.value == nil {
		return ""
	}
	return d.text(s, maxVProgramComment)
}

func (d *decoder) workload(s slot) VerifiedVolume {
	if !d.present(s) {
		return VerifiedVolume{}
	}
	d.enter(key(s.key))
	defer d.leave()
	return d.verified(s.value)
}

// verified reads the disk of a hash tree; extra are the members that only this
// kind of disk has.
func (d *decoder) verified(v value, extra ...*slot) VerifiedVolume {
	ref, tree, root := slot{key: "ref"}, slot{key: "hash_tree"}, slot{key: "roothash"}
	if !d.object(v, true, append(extra, &ref, &tree, &root)...) {
		return VerifiedVolume{}
	}
	return VerifiedVolume{Ref: d.hash(ref), HashTree: d.hash(tree), RootHash: d.hexDigits(root, 64)}
}

func (d *decoder) verifiedVolumes(s slot) []VerifiedVolume {
	if s.value == nil {
		return []VerifiedVolume{}
	}
	if !d.list(s, maxVerifiedVolumes) {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	volumes := []VerifiedVolume{}
	for i, element := range s.value.elements {
		d.enter(index(i))
		comment := slot{key: "comment"}
		volume := d.verified(element, &comment)
		volume.Comment = d.vprogramComment(comment)
		volumes = append(volumes, volume)
		d.leave()
	}
	return volumes
}

func (d *decoder) verification(s slot) (policy uint64, list []Measurement) {
	if !d.present(s) {
		return 0, nil
	}
	d.enter(key(s.key))
	defer d.leave()
	backend, policySlot, measurements := slot{key: "backend"}, slot{key: "policy"}, slot{key: "measurements"}
	if !d.object(s.value, true, &backend, &policySlot, &measurements) {
		return 0, nil
	}
	d.enum(backend, "sev_snp")
	if d.present(measurements) && measurements.value.kind() != kindArray {
		d.list(measurements, maxMeasurements)
		return 0, nil
	}
	list = d.measurements(measurements)
	if measurements.value != nil && measurements.value.length() == 0 {
		d.fail(key(measurements.key), measurements.value, "too_short", "List should have at least 1 item")
	}
	return d.snpPolicy(policySlot, defaultSNPPolicy), list
}
