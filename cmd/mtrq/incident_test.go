package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

func TestShorten(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"short":           {"Packets were lost.", "Packets were lost."},
		"just fits":       {strings.Repeat("x", sentenceWidth), strings.Repeat("x", sentenceWidth)},
		"cut at a word":   {strings.Repeat("a", 50) + " bbbb ccccccccc", strings.Repeat("a", 50) + " bbbb…"},
		"one long word":   {"a " + strings.Repeat("x", 200), "a " + strings.Repeat("x", sentenceWidth-3) + "…"},
		"whole character": {strings.Repeat("é", 200), strings.Repeat("é", sentenceWidth-1) + "…"},
	} {
		if got := shorten(tc.in); got != tc.want || utf8.RuneCountInString(got) > sentenceWidth {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestLastedText(t *testing.T) {
	for _, tc := range []struct {
		lasted time.Duration // below 0: unknown
		state  report.IncidentState
		want   string
	}{
		{0, report.IncidentClosed, "0.0s"},
		{10_040 * time.Millisecond, report.IncidentClosed, "10.0s"},
		{150 * time.Second, report.IncidentClosed, "2m30s"},
		{49*time.Hour + 1600*time.Millisecond, report.IncidentClosed, "49h0m2s"},
		{-1, report.IncidentOpen, "open"},
		{-1, report.IncidentInterrupted, "interrupted"},
		{-1, "", "-"},
	} {
		e := archive.IncidentEntry{State: tc.state}
		if tc.lasted >= 0 {
			ms := tc.lasted.Milliseconds()
			e.LastedMS = &ms
		}
		if got := lastedText(e); got != tc.want {
			t.Errorf("%v, %q: got %q, want %q", tc.lasted, tc.state, got, tc.want)
		}
	}
}

func TestPathText(t *testing.T) {
	yes, no := true, false
	for _, tc := range []struct {
		path  []string
		whole *bool
		want  string
	}{
		{nil, nil, "-"},
		{[]string{"", ""}, &no, "-"},
		{[]string{"198.51.100.1", "", "203.0.113.7"}, &yes, "3 hops, whole"},
		{[]string{"198.51.100.1", "", ""}, &no, "to hop 1, 198.51.100.1"},
		{[]string{"198.51.100.1", "198.51.100.2"}, nil, "to hop 2, 198.51.100.2"},
	} {
		if got := pathText(report.Suspect{Path: tc.path, PathOK: tc.whole}); got != tc.want {
			t.Errorf("%v: got %q, want %q", tc.path, got, tc.want)
		}
	}
}
