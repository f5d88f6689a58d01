package store

import "strings"

// DriverName is the driver of SQLite that is linked.
const DriverName = driverName

// StateColumns returns the columns that the state hash covers, by table.
func StateColumns() map[string][]string {
	covered := map[string][]string{}
	for i := range stateTables {
		for _, c := range stateTables[i].parse() {
			covered[stateTables[i].name] = append(covered[stateTables[i].name], c.name)
		}
	}
	return covered
}

// StateDefinition returns the lines of the table in docs/state-hash.md.
func StateDefinition() []string {
	var lines []string
	for i := range stateTables {
		t := &stateTables[i]
		cells := []string{"`" + t.name + "`", "`" + strings.Join(strings.Fields(t.columns), "` `") + "`", t.order}
		lines = append(lines, "| "+strings.Join(cells, " | ")+" |")
	}
	return lines
}
