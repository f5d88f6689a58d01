package cli

import (
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"aleph/account"
	"aleph/internal/node/store"
)

// Build describes the program.
type Build struct {
	// Version of the program, as "0.1.0".
	Version string
	// Commit is the revision of the sources; empty when it is not known.
	Commit string
}

// version is that of the next release, see CHANGELOG.md. Compute hosts tell it
// in a form that the network's scoring reads (PEP 440). // spec crn 1.1
const version = "0.1.0"

// ReadBuild returns the version, and what the Go tool wrote into the program.
func ReadBuild() Build {
	b := Build{Version: version}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	return b
}

// versionJSON is what --json prints.
type versionJSON struct {
	Version      string `json:"version"`
	Commit       string `json:"commit,omitempty"`
	Go           string `json:"go"`
	Platform     string `json:"platform"`
	Cryptography string `json:"cryptography"`
	Database     string `json:"database"`
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "The program's version and what is linked into it", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionJSON{a.build.Version, a.build.Commit, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, account.Cryptography(), store.Engine}
			return a.present(v, func(w io.Writer) error {
				return a.writeFields(w,
					[2]string{"aleph", v.Version}, [2]string{"commit", v.Commit}, [2]string{"go", v.Go}, [2]string{"platform", v.Platform},
					[2]string{"signatures", v.Cryptography}, [2]string{"database", v.Database})
			})
		},
	}
}
