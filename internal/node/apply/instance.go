package apply

import (
	"aleph/internal/node/store"
	"aleph/message"
)

// planInstance decides about an INSTANCE. // spec messages 6.4
func (s *Session) planInstance(m Received, i *message.Instance) (Effect, error) {
	return s.planVM(m, vmRow(m, vmInstance, &i.Executable), &i.Executable, instanceNeeds(i))
}

// instanceNeeds returns what an INSTANCE refers to beside its volumes.
func instanceNeeds(i *message.Instance) []need {
	return []need{{
		VMRef: store.VMRef{Ref: i.Rootfs.Parent.Ref, Kind: "rootfs", UseLatest: i.Rootfs.Parent.UseLatest, Blocks: true},
		disk:  "rootfs", sizeMiB: i.Rootfs.SizeMiB,
	}}
}
