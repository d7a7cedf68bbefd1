package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestWrapWords: every word of a verdict is there, the table is left alone.
func TestWrapWords(t *testing.T) {
	table := "HOST: hk1   Loss%   Snt\n  1.|-- a very long name that is wider than all"
	words := "Verdict: real-loss, likely. 12 of 120 packets to 203.0.113.7 were lost between 198.51.100.1 and 198.51.100.9.\n" +
		"  To settle it: a trace from the other end, in the same minutes, with as many packets as this one.\nReport: 01M83G4Y6TB800000000000002\n"
	for _, width := range []int{39, 60, 79, 100, 300} {
		got := wrapWords(table+"\n\n"+words, width)
		head, below, _ := strings.Cut(got, "\n\n")
		if head != table {
			t.Errorf("%d: the table is %q", width, head)
		}
		if g, w := strings.Fields(below), strings.Fields(words); strings.Join(g, " ") != strings.Join(w, " ") {
			t.Errorf("%d: got %q", width, below)
		}
		for _, l := range strings.Split(below, "\n") {
			if textWidth(l) > width {
				t.Errorf("%d: %d columns: %q", width, textWidth(l), l)
			}
		}
		if !strings.HasSuffix(got, "\nReport: 01M83G4Y6TB800000000000002\n") || width == 79 && !strings.Contains(below, "\n    ") {
			t.Errorf("%d: got %q", width, below)
		}
	}
	var out bytes.Buffer // 80 columns, as it says nothing else
	(&screen{w: &out}).drawReport(table + "\n\n" + words)
	if got := strings.ReplaceAll(out.String(), "\x1b[K", ""); !strings.Contains(strings.Join(strings.Fields(got), " "), "between 198.51.100.1 and 198.51.100.9. To settle it") {
		t.Errorf("drawn: %q", got)
	}
	for _, s := range []string{"", "job X waits (queued)\n"} {
		if got := wrapWords(s, 10); got != s {
			t.Errorf("got %q, want it as it was", got)
		}
	}
}
