package apply

import (
	"aleph/internal/node/store"
	"aleph/message"
)

// The kinds of machine. // spec messages appendix C
const (
	vmProgram  = "program"
	vmInstance = "instance"
	vmVerified = "v-program"
)

// planProgram decides about a PROGRAM. // spec messages 6.4
func (s *Session) planProgram(m Received, p *message.Program) (Effect, error) {
	vm := vmRow(m, vmProgram, &p.Executable)
	vm.OnMessage = len(p.On.Message) > 0
	return s.planVM(m, vm, &p.Executable, s.rules.programNeeds(p))
}

// programNeeds returns what a PROGRAM refers to beside its volumes.
func (r *Rules) programNeeds(p *message.Program) []need {
	needs := []need{
		{VMRef: store.VMRef{Ref: p.Code.Ref, Kind: "code", UseLatest: p.Code.UseLatest, Blocks: true}},
		{
			VMRef: store.VMRef{Ref: p.Runtime.Ref, Kind: "runtime", UseLatest: p.Runtime.UseLatest, Blocks: true},
			known: r.KnownRuntime != nil && r.KnownRuntime(p.Runtime.Ref),
		},
	}
	if p.Data != nil {
		needs = append(needs, need{VMRef: store.VMRef{Ref: p.Data.Ref, Kind: "data", UseLatest: p.Data.UseLatest, Blocks: true}})
	}
	return needs
}
