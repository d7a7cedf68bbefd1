package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestTableFits holds the lists to the width of a terminal; without one they
// keep every column.
func TestTableFits(t *testing.T) {
	reports := [][]string{
		{"TIME", "TARGET", "LOSS", "OF", "AVG", "VERDICT", "FRESH", "ENDED", "ID", "REASON"},
		{"2026-11-23 14:05:32+08:00", "203.0.113.7", "30.0%", "120", "9.1ms", "real-loss", "in-event", "complete", "01M83G4Y6TB800000000000002", "3 of 12 pings lost since 14:05:30"},
		{"2026-11-23 14:05:31+08:00", "a-rather-long-name.example.net (203.0.113.99)", "-", "-", "-", "", "", "complete", "01M83G4Y6TB800000000000001", "客户投诉丢包"},
	}
	incidents := [][]string{
		{"TIME", "FOR", "TARGETS", "LOSS", "VERDICT", "WHERE", "ID", "SENTENCE"},
		{"2026-11-23 14:05:31+08:00", "2m30s", "203.0.113.8 +2", "30.0%", "real-loss", "198.51.100.1 > 198.51.100.9", "01M83G4Y6TB800000000000002", "203.0.113.7 and 2 others lost packets between 198.51.100.1…"},
	}
	for _, tt := range []struct {
		name  string
		rows  [][]string
		s     shrink
		heads string
		last  string // of the first row, in its last column
		out   string // the columns that stderr names
	}{
		{"reports, no terminal", reports, reportsShrink(0), "TIME TARGET LOSS OF AVG VERDICT FRESH ENDED ID REASON", "3 of 12 pings lost since 14:05:30", ""},
		{"reports, wide", reports, reportsShrink(300), "TIME TARGET LOSS OF AVG VERDICT FRESH ENDED ID REASON", "3 of 12 pings lost since 14:05:30", ""},
		{"reports, 176", reports, reportsShrink(176), "TIME TARGET LOSS OF AVG VERDICT FRESH ENDED ID REASON", "3 of 12 pings lost sinc…", ""},
		{"reports, 80", reports, reportsShrink(80), "TIME TARGET LOSS VERDICT ID", "01M83G4Y6TB800000000000002", "OF, AVG, FRESH, ENDED, REASON"},
		{"reports, 75", reports, reportsShrink(75), "TIME TARGET VERDICT ID", "01M83G4Y6TB800000000000002", "LOSS, OF, AVG, FRESH, ENDED, REASON"},
		{"reports, 60", reports, reportsShrink(60), "TIME TARGET ID", "01M83G4Y6TB800000000000002", "LOSS, OF, AVG, VERDICT, FRESH, ENDED, REASON"},
		{"incidents, 160", incidents, incidentsShrink(160), "TIME FOR TARGETS LOSS VERDICT WHERE ID SENTENCE", "203.0.113.7 and 2 others lost pack…", ""},
		{"incidents, 120", incidents, incidentsShrink(120), "TIME FOR TARGETS LOSS VERDICT WHERE ID", "01M83G4Y6TB800000000000002", "SENTENCE"},
		{"incidents, 80", incidents, incidentsShrink(80), "TIME FOR TARGETS VERDICT ID", "01M83G4Y6TB800000000000002", "LOSS, WHERE, SENTENCE"},
		{"incidents, 60", incidents, incidentsShrink(60), "TIME TARGETS ID", "01M83G4Y6TB800000000000002", "FOR, LOSS, VERDICT, WHERE, SENTENCE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, stderr bytes.Buffer
			tab := newTable(&out, "table", len(tt.rows), strings.Split(strings.Join(tt.rows[0], "\t"), "\t")...)
			tab.shrink, tab.stderr = tt.s, &stderr
			for _, r := range tt.rows[1:] {
				tab.row(append([]string{}, r...)...)
			}
			if err := tab.end(); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
			for _, l := range lines {
				if w := textWidth(l); tt.s.width > 0 && w > tt.s.width {
					t.Errorf("%d columns, want at most %d: %s", w, tt.s.width, l)
				}
			}
			if got := strings.Join(strings.Fields(lines[0]), " "); got != tt.heads {
				t.Errorf("columns %s, want %s", got, tt.heads)
			}
			want := ""
			if tt.out != "" {
				want = "mtrq: left out for want of width: " + tt.out + " (--format tsv has all)\n"
			}
			if stderr.String() != want {
				t.Errorf("stderr %q, want %q", stderr.String(), want)
			}
			if !strings.HasSuffix(lines[1], " "+tt.last) {
				t.Errorf("got %q, want it to end with %q", lines[1], tt.last)
			}
		})
	}
}
