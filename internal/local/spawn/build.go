package spawn

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// BinaryVariable names the environment variable with the path of a ready
// program for tests.
const BinaryVariable = "ALEPH_TEST_BINARY"

// Build compiles the program, and the one that runs inside functions, into dir
// and returns the path of the first. Tests call it once, from a package of this
// module. When [BinaryVariable] is set it builds nothing and returns that.
func Build(ctx context.Context, dir string) (string, error) {
	if path := os.Getenv(BinaryVariable); path != "" { //nolint:forbidigo // for tests, which have no configuration
		return filepath.Abs(path)
	}
	for name, env := range map[string][]string{"aleph": nil, "aleph-init": {"CGO_ENABLED=0"}} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), "aleph/cmd/"+name) //nolint:gosec // for tests
		cmd.Env = append(cmd.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return filepath.Join(dir, "aleph"), nil
}
