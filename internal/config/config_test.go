package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Size  int64         `yaml:"size"`
	Wait  time.Duration `yaml:"wait" doc:"how long to wait"`
	Names []string      `yaml:"names"`
}

type sample struct {
	Text   string  `yaml:"text"`
	On     bool    `yaml:"on"`
	Ratio  float64 `yaml:"ratio"`
	Few    uint8   `yaml:"few"`
	Inner  inner   `yaml:"inner"`
	Hidden string  `yaml:"-"`
}

func TestEnvironmentOverrides(t *testing.T) {
	t.Parallel()
	got := sample{Text: "before", Hidden: "kept"}
	err := applyEnvironment(&got, []string{
		"ALEPH_TEXT=a=b", "ALEPH_ON=true", "ALEPH_RATIO=0.5", "ALEPH_FEW=255",
		"ALEPH_INNER_SIZE=1073741824", "ALEPH_INNER_WAIT=1m30s", "ALEPH_INNER_NAMES=one, two,",
		"ALEPH_API_HOST=http://not.ours", "ALEPH_HIDDEN=x", "TEXT=other",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := sample{"a=b", true, 0.5, 255, inner{1 << 30, 90 * time.Second, []string{"one", "two"}}, "kept"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{}, inner{})); diff != "" {
		t.Error(diff)
	}
}

func TestEnvironmentRefusesBadValues(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		"ALEPH_ON=perhaps", "ALEPH_FEW=256", "ALEPH_FEW=-1", "ALEPH_RATIO=much",
		"ALEPH_INNER_SIZE=1GiB", "ALEPH_INNER_WAIT=soon", "ALEPH_INNER_SIZE=9223372036854775808",
	} {
		err := applyEnvironment(new(sample), []string{entry})
		name, _, _ := strings.Cut(entry, "=")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", entry, err)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, problem string }{
		"values":       {"text: x\ninner: {size: 3, wait: 5s}\n", ""},
		"empty":        {"", ""},
		"unknown key":  {"texts: x\n", "line 1: field texts not found"},
		"unknown deep": {"inner:\n  sizes: 1\n", "line 2: field sizes not found"},
		"wrong type":   {"inner: {size: many}\n", "many"},
		"two":          {"text: x\n---\ntext: y\n", "more than one document"},
		"not yaml":     {"{", "configuration"},
		"huge":         {"text: " + strings.Repeat("x", maxFile), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "aleph.yaml")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got := sample{Text: "default"}
			err := decodeFile(path, &got)
			switch {
			case tt.problem == "" && err != nil:
				t.Error(err)
			case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
				t.Errorf("got %v", err)
			}
		})
	}
	if err := decodeFile(filepath.Join(t.TempDir(), "none"), new(sample)); err == nil {
		t.Error("a missing file was accepted")
	}
}

func TestDescribeReadsBack(t *testing.T) {
	t.Parallel()
	want := sample{"x: y", true, 1.5, 3, inner{9, time.Minute, []string{"a", "b"}}, ""}
	var out strings.Builder
	if err := describe(&out, &want); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "inner:\n  # Environment: ALEPH_INNER_SIZE\n  size: 9\n  # how long to wait\n") {
		t.Errorf("got:\n%s", out.String())
	}
	path := filepath.Join(t.TempDir(), "aleph.yaml")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var got sample
	if err := decodeFile(path, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{}, inner{})); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	cfg := Default()
	for _, f := range leaves(reflect.ValueOf(&cfg).Elem(), nil) {
		if f.doc == "" {
			t.Errorf("%s has no doc tag", strings.Join(f.path, "."))
		}
	}
}

func TestDescribeDefaultLoads(t *testing.T) {
	t.Parallel()
	cfg := Default()
	var out strings.Builder
	if err := Describe(&out, &cfg); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "aleph.yaml")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path, []string{"ALEPH_LOG_LEVEL=debug"})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log.Level = "debug"
	var want, have strings.Builder
	if err := errors.Join(Describe(&want, &cfg), Describe(&have, got)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), have.String()); diff != "" {
		t.Error(diff)
	}
}

func TestUserFolders(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data")
	t.Setenv("XDG_STATE_HOME", "relative")
	t.Setenv("HOME", "/home/me")
	got, err := UserFolders()
	if err != nil {
		t.Fatal(err)
	}
	if got.LocalData != "/data/aleph/local" || got.LocalState != "/home/me/.local/state/aleph/local.json" {
		t.Errorf("got %+v", got)
	}
}
