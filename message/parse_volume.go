package message

// The limits of volumes. // spec messages 3.8
const (
	maxVolumes           = 256
	maxVolumeLabel       = 256     // code points of comment, mount and name
	maxEphemeralSizeMiB  = 1000    // MiB
	maxPersistentSizeMiB = 1953125 // MiB; 2048 GB
)

// volumes reads the volumes of a PROGRAM or INSTANCE.
func (d *decoder) volumes(s slot) []Volume {
	if s.value == nil {
		return []Volume{}
	}
	if !d.list(s, maxVolumes) {
		return nil
	}
	d.enter(key(s.key))
	defer d.leave()
	volumes := []Volume{}
	for i, element := range s.value.elements {
		d.enter(index(i))
		volumes = append(volumes, d.volume(element))
		d.leave()
	}
	return volumes
}

// volumeKind tells which kind a volume is meant to be. The reference tries all
// kinds and takes the first that fits, in the order immutable, ephemeral,
// persistent. Since the kinds are closed, their own members already tell:
// whatever fits a kind other than the one found here does not exist.
// // spec messages 3.8
func volumeKind(v value) VolumeKind {
	var ref, ephemeral, persistent bool
	var size value
	for name, member := range v.members {
		switch string(name) {
		case "ref":
			ref = true
		case "ephemeral":
			ephemeral = true
		case "parent", "persistence", "name":
			persistent = true
		case "size_mib":
			size = member
		}
	}
	switch {
	case ref:
		return VolumeImmutable
	case ephemeral:
		return VolumeEphemeral
	case persistent:
		return VolumePersistent
	}
	if size.kind() == kindNumber {
		if n, ok := size.integer(); ok && n.within(maxEphemeralSizeMiB+1, maxPersistentSizeMiB) {
			return VolumePersistent
		}
	}
	return VolumeEphemeral
}

func (d *decoder) volume(v value) Volume {
	vol := Volume{Kind: volumeKind(v)}
	comment, mount := slot{key: "comment"}, slot{key: "mount"}
	switch vol.Kind {
	case VolumeImmutable:
		ref, useLatest := slot{key: "ref"}, slot{key: "use_latest"}
		if d.object(v, true, &comment, &mount, &ref, &useLatest) {
			vol.Ref, vol.UseLatest = d.hash(ref), d.boolean(useLatest, true)
		}
	case VolumeEphemeral:
		ephemeral, size := slot{key: "ephemeral"}, slot{key: "size_mib"}
		if d.object(v, true, &comment, &mount, &ephemeral, &size) {
			vol.SizeMiB = d.strictInteger(size, 1, maxEphemeralSizeMiB)
			d.literalTrue(ephemeral)
		}
	case VolumePersistent:
		parent, persistence := slot{key: "parent"}, slot{key: "persistence"}
		name, size := slot{key: "name"}, slot{key: "size_mib"}
		if d.object(v, true, &comment, &mount, &parent, &persistence, &name, &size) {
			if parent.value.given() {
				p := d.parent(parent)
				vol.Parent = &p
			}
			vol.Persistence = d.optEnum(persistence, "host", "store")
			vol.Name, vol.HasName = d.optText(name, maxVolumeLabel), name.value.given()
			vol.SizeMiB = d.strictInteger(size, 1, maxPersistentSizeMiB)
		}
	}
	vol.Comment = d.optText(comment, maxVolumeLabel)
	vol.Mount = d.optText(mount, maxVolumeLabel)
	return vol
}

// literalTrue checks a member that may only be true, or the number 1.
// // spec messages, appendix A
func (d *decoder) literalTrue(s slot) {
	switch s.value.kind() {
	case kindAbsent, kindTrue:
		return
	case kindNumber:
		if s.value.float() == 1 {
			return
		}
	}
	d.fail(key(s.key), s.value, "literal_error", "Input should be true")
}

// parent reads a reference to the image that a disk starts from.
func (d *decoder) parent(s slot) Parent {
	d.enter(key(s.key))
	defer d.leave()
	ref, useLatest := slot{key: "ref"}, slot{key: "use_latest"}
	if !d.object(s.value, false, &ref, &useLatest) {
		return Parent{}
	}
	return Parent{Ref: d.hash(ref), UseLatest: d.boolean(useLatest, true)}
}
