package apply

import (
	"slices"

	"aleph/internal/node/store"
	"aleph/message"
)

// need is a file that a machine refers to.
type need struct {
	store.VMRef
	// known says that the reference needs no STORE.
	known bool
	// sizeMiB is set when a disk starts from the file: the disk, which errors
	// call by its name, must not be smaller.
	sizeMiB int
	disk    string
}

// planVM decides about a PROGRAM or INSTANCE: permission (5.3), references and
// sizes, and what it replaces (6.4).
func (s *Session) planVM(m Received, vm store.VMRow, e *message.Executable, needs []need) (Effect, error) {
	if err := s.permit(m.Sender, e.Address, subjectOf(m.Message)); err != nil {
		return nil, err
	}
	volumes := volumeNeeds(e.Volumes)
	// The order in which other nodes compare sizes.
	if err := s.checkNeeds(slices.Concat(volumes, needs)); err != nil {
		return nil, err
	}
	if e.HasReplaces {
		if err := s.checkReplaces(e.Replaces); err != nil {
			return nil, err
		}
	}
	for _, n := range slices.Concat(needs, volumes) { // their places are kept: databases of issue 2 have these
		vm.Refs = append(vm.Refs, n.VMRef)
	}
	bill, err := s.checkMachine(m.Message)
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := s.charge(bill); err != nil {
			return err
		}
		if err := s.tx.InsertVM(&vm); err != nil {
			return err
		}
		// Every machine is its own first and only version. // Q-23
		return s.tx.SetVMVersion(vm.ItemHash, vm.Owner, vm.ItemHash, vm.Created)
	}, nil
}

// vmRow returns the record of a machine without its references.
func vmRow(m Received, kind string, e *message.Executable) store.VMRow {
	row := store.VMRow{
		ItemHash: m.ItemHash, Type: kind, Owner: e.Address, AllowAmend: e.AllowAmend,
		PaymentType: message.PaymentHold, Created: e.Time,
	}
	if e.Payment != nil && e.Payment.Type != "" {
		row.PaymentType = e.Payment.Type
	}
	return row
}

// volumeNeeds returns what volumes refer to.
func volumeNeeds(list []message.Volume) []need {
	var needs []need
	for _, v := range list {
		if n, ok := volumeNeed(v); ok {
			needs = append(needs, n)
		}
	}
	return needs
}

// volumeNeed returns what a volume refers to. A parent does not block the
// forgetting of its STORE. // Q-12
func volumeNeed(v message.Volume) (need, bool) {
	switch {
	case v.Kind == message.VolumeImmutable:
		return need{VMRef: store.VMRef{Ref: v.Ref, Kind: "volume", UseLatest: v.UseLatest, Blocks: true}}, true
	case v.Kind == message.VolumePersistent && v.Parent != nil:
		name := v.Name
		if !v.HasName {
			name = "None" // what other nodes print for a volume without a name. // spec messages 4.6
		}
		ref := store.VMRef{Ref: v.Parent.Ref, Kind: "parent", UseLatest: v.Parent.UseLatest}
		return need{VMRef: ref, disk: name, sizeMiB: v.SizeMiB}, true
	}
	return need{}, false
}

// checkNeeds demands that every file is there (301) and fits its disk (304).
func (s *Session) checkNeeds(needs []need) error {
	var absent []message.Hash
	sizes := make([]*tooSmall, 0, len(needs))
	for _, n := range needs {
		if n.known {
			continue
		}
		file, ok, err := s.resolve(n.Ref, n.UseLatest)
		switch {
		case err != nil:
			return err
		case !ok:
			absent = append(absent, n.Ref)
		case n.sizeMiB > 0:
			sizes = append(sizes, &tooSmall{Name: n.disk, Ref: n.Ref, File: file, Size: int64(n.sizeMiB) << 20})
		}
	}
	if len(absent) > 0 {
		rej := &message.Rejection{Code: message.CodeVMVolumeNotFound}
		for _, ref := range unique(absent) {
			rej.Errors = append(rej.Errors, string(ref))
		}
		return &Missing{Rejection: rej, What: absent[0]}
	}
	for _, small := range sizes {
		file, err := s.read.File(s.ctx, small.File)
		if err != nil {
			return err
		}
		if small.ParentSize = file.Size; small.Size < file.Size {
			return &message.Rejection{Code: message.CodeVMVolumeTooSmall, Errors: []any{small}}
		}
	}
	return nil
}

// tooSmall is the detail of code 304. // spec messages 4.6
type tooSmall struct {
	Name       string       `json:"volume_name"`
	Ref        message.Hash `json:"parent_ref"`
	File       message.Hash `json:"parent_file"`
	ParentSize int64        `json:"parent_size"`
	Size       int64        `json:"volume_size"`
}

// resolve returns the file that a reference means. // spec messages 6.3
func (s *Session) resolve(ref message.Hash, latest bool) (message.Hash, bool, error) {
	if latest {
		tag, err := s.read.Tag(s.ctx, string(ref))
		ok, err := found(err)
		return tag.FileHash, ok, err
	}
	pin, err := s.read.Pin(s.ctx, ref, store.PinMessage)
	ok, err := found(err)
	return pin.FileHash, ok, err
}

// checkReplaces applies the rules of an update, which then has no effect. // spec messages 6.4
func (s *Session) checkReplaces(replaces string) error {
	ref := message.Hash(replaces)
	original, err := s.read.VM(s.ctx, ref)
	ok, err := found(err)
	switch {
	case err != nil:
		return err
	case !ok || original.Type != vmProgram:
		return missing(ref, message.CodeVMRefNotFound, replaces)
	case original.Replaces != "":
		return &message.Rejection{Code: message.CodeVMUpdateUpdate}
	}
	current, err := s.read.VMVersion(s.ctx, ref)
	if err != nil {
		return err
	}
	if current != ref {
		if original, err = s.read.VM(s.ctx, current); err != nil {
			return err
		}
	}
	if !original.AllowAmend {
		return &message.Rejection{Code: message.CodeVMAmendNotAllowed}
	}
	return nil
}
