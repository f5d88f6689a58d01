package house_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"aleph/test/house"
)

// repository is the tree the laws apply to.
func repository(t *testing.T) (tree fs.FS, dir string) {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("not the root of the repository: %v", err)
	}
	return os.DirFS(dir), dir
}

// The laws of single files and documents, applied to this repository.
func TestRepository(t *testing.T) {
	t.Parallel()
	laws := map[string]func(fs.FS) ([]string, error){
		"no Go file over 500 lines":                 house.LongFiles,
		"one doc comment per package":               house.PackageComments,
		"names that say something":                  house.VagueNames,
		"no init functions":                         house.InitFunctions,
		"no test skips itself":                      house.Skips,
		"nothing is left open":                      house.OpenEnds,
		"make commands in documents exist":          house.MissingTargets,
		"npm lock files work with any registry":     house.LockFiles,
		"references to the specification are alive": counted(t, house.DeadReferences, 20),
		"links of documents are alive":              counted(t, house.DeadLinks, 20),
		"every quirk has a verdict":                 counted(t, house.Divergences, 40),
		"a node calls nobody":                       counted(t, house.Outgoing, 100),
	}
	tree, _ := repository(t)
	for name, law := range laws {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			offences, err := law(tree)
			if err != nil {
				t.Fatal(err)
			}
			for _, offence := range offences {
				t.Error(offence)
			}
		})
	}
}

// counted makes a plain law of one that counts what it looked at: seeing next
// to nothing means that the law itself is broken.
func counted(t *testing.T, law func(fs.FS) ([]string, int, error), least int) func(fs.FS) ([]string, error) {
	t.Helper()
	return func(tree fs.FS) ([]string, error) {
		offences, seen, err := law(tree)
		if err == nil && seen < least {
			t.Errorf("the law saw %d things, expected %d at least", seen, least)
		}
		return offences, err
	}
}

// The direction of imports, applied to this repository.
func TestImports(t *testing.T) {
	t.Parallel()
	_, dir := repository(t)
	packages, err := house.List(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages only", len(packages))
	}
	reported := make(map[string]bool) // packages are listed with and without cgo
	for _, law := range []func([]house.Package) []string{house.Direction, house.Absences, house.Privileges} {
		for _, offence := range law(packages) {
			if !reported[offence] {
				t.Error(offence)
			}
			reported[offence] = true
		}
	}
}
