package cli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aleph/internal/cli"
)

func TestTable(t *testing.T) {
	t.Parallel()
	rows := [][]string{
		{"HASH", "WHO", "CONTENT"},
		{"0123456789", "alice", "a long text that has no room"},
		{"abcdef", "日本語", "\x1b[31mred\nline"},
	}
	tests := []struct {
		width int
		want  string
	}{
		{100, `
HASH        WHO     CONTENT
0123456789  alice   a long text that has no room
abcdef      日本語  �[31mred line
`}, {30, `
HASH        WHO     CONTENT
0123456789  alice   a long te…
abcdef      日本語  �[31mred …
`}, {5, `
HASH        WHO   CONT…
0123456789  ali…  a lo…
abcdef      日…   �[31…
`},
	}
	for _, test := range tests {
		var got strings.Builder
		if err := cli.Columns(&got, test.width, []int{0, 4, 5}, rows...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, "\n"+got.String()); diff != "" {
			t.Errorf("width %d:\n%s", test.width, diff)
		}
	}
}

func TestNamesOfStrangers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"photo ü.jpg": "photo ü.jpg", "": "x", ".bashrc": "x", "..": "x", "../a": "x", "/etc/passwd": "x", `a\b`: "x", "a\x1b[2Jb": "x",
		"a\nb": "x", "C:a": "x", strings.Repeat("a", 300): "x",
	} {
		if got := cli.SafeName(name, "x"); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
	if got := cli.Printable("a\tb\r\n\x07\u202ec"); got != "a b  ��c" {
		t.Errorf("printable text is %q", got)
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"2026-01-31T10:00:00+02:00": time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC),
		"2026-01-31 10:00:00":       time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
		"1714564800.25":             time.Date(2024, 5, 1, 12, 0, 0, 25e7, time.UTC),
	} {
		if got, err := cli.ParseTime(text); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for text, ago := range map[string]time.Duration{"90m": 90 * time.Minute, "7d": 7 * 24 * time.Hour, "0.5d": 12 * time.Hour} {
		got, err := cli.ParseTime(text)
		if err != nil || time.Since(got)-ago > time.Minute || time.Since(got) < ago {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "yesterday", "-2h", "NaN", "1e300", "-5", "infd", "NaNd"} {
		if got, err := cli.ParseTime(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
