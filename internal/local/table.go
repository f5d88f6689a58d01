package local

import (
	"fmt"
	"io"
	"strings"

	"aleph/internal/compute/vm"
)

// WriteTable prints for a person where a local cloud is.
func WriteTable(w io.Writer, e Endpoints) error {
	rows := [][2]string{
		{"node", e.API},
		{"compute", e.Compute},
		{"account", fmt.Sprintf("%s on %s", e.Account.Address, e.Account.Chain)},
		{"key file", e.Account.PrivateKeyFile},
		{"data folder", e.DataDir},
	}
	var out strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&out, "%-12s  %s\n", row[0], row[1])
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// WriteSandbox prints for a person what the sandbox of functions can do here.
func WriteSandbox(w io.Writer, p vm.Probe) error {
	var out strings.Builder
	if !p.Usable {
		fmt.Fprintf(&out, "%-12s  functions cannot run here: %s\n", "sandbox", p.Reason)
		_, err := io.WriteString(w, out.String())
		return err
	}
	fmt.Fprintf(&out, "%-12s  gVisor %s, platform %s\n", "sandbox", p.Version, p.Platform)
	for _, l := range p.Limits {
		mark := "limited"
		if !l.Enforced {
			mark = "NOT limited"
		}
		fmt.Fprintf(&out, "%-12s  %s %s: %s\n", "", l.Name, mark, l.Detail)
	}
	_, err := io.WriteString(w, out.String())
	return err
}
