package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Describe writes the values of cfg as a commented YAML file that [Load] reads
// back to the same values.
func Describe(w io.Writer, cfg *Config) error {
	return describe(w, cfg)
}

func describe(w io.Writer, cfg any) error {
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
		if err := describeField(&out, f); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func describeField(out *strings.Builder, f field) error {
	margin := indent(len(f.path) - 1)
	for _, line := range wrap(f.doc, 100-len(margin)) {
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
