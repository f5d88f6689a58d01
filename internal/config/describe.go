package config

import (
	_ "embed"
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// comments holds the doc comment of every configuration field, one per line:
// package.Type.Field, a tab, the text. A test writes it from the source code
// and fails when it is out of date.
//
//go:embed comments.txt
var comments string

// Describe writes the values of cfg as a commented YAML file that [Load] reads
// back to the same values.
func Describe(w io.Writer, cfg *Config) error {
	return describe(w, cfg, commentTable(comments))
}

func commentTable(text string) map[string]string {
	table := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, comment, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t"); ok {
			table[name] = comment
		}
	}
	return table
}

func describe(w io.Writer, cfg any, table map[string]string) error {
	var out strings.Builder
	var open []string // the keys of the sections that are open
	for _, f := range leaves(reflect.ValueOf(cfg).Elem(), nil) {
		sections := f.path[:len(f.path)-1]
		shared := 0
		for shared < len(open) && shared < len(sections) && open[shared] == sections[shared] {
			shared++
		}
		for i := shared; i < len(sections); i++ {
			fmt.Fprintf(&out, "%s%s:\n", indent(i), sections[i])
		}
		open = sections
		if err := describeField(&out, f, table[commentName(f.owner, f.name)]); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func describeField(out *strings.Builder, f field, comment string) error {
	margin := indent(len(f.path) - 1)
	for _, line := range wrap(comment, 100-len(margin)) {
		fmt.Fprintf(out, "%s# %s\n", margin, line)
	}
	fmt.Fprintf(out, "%s# Environment: %s\n", margin, f.env())
	value, err := yaml.Marshal(map[string]any{f.path[len(f.path)-1]: f.value.Interface()})
	if err != nil {
		return fmt.Errorf("describe %s: %w", strings.Join(f.path, "."), err)
	}
	for line := range strings.Lines(string(value)) {
		out.WriteString(margin + line)
	}
	return nil
}

func indent(level int) string { return strings.Repeat("  ", level) }

// commentName is how a field is called in the table of comments. The first
// element of the package path is left out: the module may be renamed.
func commentName(owner reflect.Type, name string) string {
	_, pkg, _ := strings.Cut(owner.PkgPath(), "/")
	return pkg + "." + owner.Name() + "." + name
}

// wrap breaks text into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
