package apply

import (
	"aleph/internal/node/store"
	"aleph/message"
)

// planVProgram decides about a V-PROGRAM. Its references may be unknown
// but keep what they name from being forgotten; it has no versions. // spec messages 6.5
func (s *Session) planVProgram(m Received, p *message.VProgram) (Effect, error) {
	if err := s.permit(m.Sender, p.Address, subjectOf(m.Message)); err != nil {
		return nil, err
	}
	if p.AllowAmend && s.rules.Network.ImmutableVPrograms {
		return nil, message.Reject(message.CodeInvalidFormat, "a verifiable program allows no amends")
	}
	vm := vmRow(m, vmVerified, &p.Executable)
	add := func(kind string, ref message.Hash) {
		if ref != "" {
			vm.Refs = append(vm.Refs, store.VMRef{Ref: ref, Kind: kind, Blocks: true})
		}
	}
	add("runtime", p.Runtime)
	add("workload", p.Workload.Ref)
	add("hash_tree", p.Workload.HashTree)
	for _, v := range p.VerifiedVolumes {
		add("volume", v.Ref)
		add("hash_tree", v.HashTree)
	}
	bill, err := s.checkMachine(m.Message)
	if err != nil {
		return nil, err
	}
	return func() error {
		if err := s.charge(bill); err != nil {
			return err
		}
		return s.tx.InsertVM(&vm)
	}, nil
}
