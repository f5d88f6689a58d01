package local

import (
	"aleph/message"
)

// Network returns the network of a local cloud: the public network's rules and
// well-known names under an authority of its own. The runtimes that the public
// network does not have get a reference made from their name, so that a program
// can name them before they are built.
func Network(authority message.Address, runtimes []string) message.Network {
	n := message.PublicNetwork().GovernedBy(authority)
	n.Name = "local"
	for _, name := range runtimes {
		if !hasRuntime(n, name) {
			n.Images = append(n.Images, message.Image{
				Name: name, Kind: message.ImageRuntime, Ref: message.HashOf([]byte("aleph runtime " + name)),
			})
		}
	}
	return n
}

func hasRuntime(n message.Network, name string) bool {
	for _, image := range n.Images {
		if image.Kind == message.ImageRuntime && image.Name == name {
			return true
		}
	}
	return false
}
