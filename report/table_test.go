package report

import (
	"strconv"
	"strings"
	"testing"
)

// TestTableSaysWhatTheTextSays: line by line, the addresses and the
// figures of Table are those of Text.
func TestTableSaysWhatTheTextSays(t *testing.T) {
	for name, r := range samples(t) {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for line := range strings.Lines(Text(r)) {
				if strings.Contains(line, ".|-- ") {
					lines = append(lines, line)
				}
			}
			rows := Table(r)
			if len(rows) != len(lines) {
				t.Fatalf("%d rows, the text has %d", len(rows), len(lines))
			}
			targets := 0
			for i, row := range rows {
				ttl, rest, _ := strings.Cut(strings.TrimSpace(lines[i]), ".|-- ")
				want := "?"
				if row.TTL > 0 {
					want = strconv.Itoa(row.TTL)
				}
				f := strings.Fields(rest)
				if ttl != want || row.Addr.IsValid() && f[0] != row.Addr.String() || f[len(f)-6] != strconv.Itoa(row.Stats.Sent) ||
					row.Limited != strings.Contains(rest, "~") {
					t.Errorf("row %+v against %q", row, lines[i])
				}
				if row.Target {
					targets++
				}
			}
			if len(rows) > 0 && (targets != 1 || !rows[len(rows)-1].Target) {
				t.Errorf("%d rows are the target's; it is the last one", targets)
			}
		})
	}
}
