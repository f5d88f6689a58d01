package local

import (
	"encoding/json"
	"fmt"
	"os"

	"aleph/message"
)

// Network returns the network of a local cloud: the public network's rules and
// well-known names under an authority of its own, at a time that never passes:
// nothing is free any more, machines are paid by credit only, and everything
// else by tokens as well. The runtimes that the public
// network does not have get a reference made from their name, so that a program
// can name them before they are built.
func Network(authority message.Address, runtimes []string) message.Network {
	n := message.PublicNetwork().GovernedBy(authority)
	n.Name = "local"
	n.Cutoffs.FreeHeight = 0 // there are no blocks
	n.Cutoffs.FreeTime, n.Cutoffs.MachineCreditOnly = message.Always, message.Always
	n.Cutoffs.CreditOnly = 0
	for _, name := range runtimes {
		if ref := RuntimeRef(name); !hasImage(n, ref) {
			n.Images = append(n.Images, message.Image{Name: name, Kind: message.ImageRuntime, Ref: ref})
		}
	}
	return n
}

// NetworkFile is the file in the data folder of a cloud that describes its
// network: other nodes can join by it.
const NetworkFile = "network.json"

// writeNetwork describes a network in a file.
func writeNetwork(path string, n message.Network) error {
	text, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	temp := path + ".new"
	if err := os.WriteFile(temp, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("describe the network: %w", err)
	}
	return os.Rename(temp, path)
}

func hasImage(n message.Network, ref message.Hash) bool {
	_, ok := n.Image(ref)
	return ok
}

// RuntimeRef returns the reference by which a program names a runtime in a
// local cloud.
func RuntimeRef(name string) message.Hash {
	for _, image := range message.PublicNetwork().Images {
		if image.Kind == message.ImageRuntime && image.Name == name {
			return image.Ref
		}
	}
	return message.HashOf([]byte("aleph runtime " + name))
}
