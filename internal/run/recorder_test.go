package run

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// TestRecorderWrites says when what is in the events file: the first
// probe that leaves at once, since from then on the job was traced.
func TestRecorderWrites(t *testing.T) {
	var file strings.Builder
	full, told := false, 0
	r := &recorder{
		builder: &report.Builder{Requests: []report.Request{Request(spool.Job{})}},
		write: func(b []byte) error {
			if full {
				return errors.New("full")
			}
			file.Write(b)
			return nil
		},
		failed: func(error) { told++ },
	}
	start := report.Event{E: report.EventStart, At: time.Now(), Schema: report.Schema, Node: "lab", Target: &report.Target{Asked: "203.0.113.7", Protocol: "icmp"}}
	probe := func(n int) { r.event(report.Event{E: report.EventProbe, N: n, TTL: 1}) }
	for _, step := range []struct {
		name string
		do   func()
		want int // lines in the file
		told int
	}{
		{"the start alone is no trace", func() { r.event(start) }, 0, 0},
		{"nor does a flush write it", r.flush, 0, 0},
		{"the first probe, with the start, at once", func() { probe(0) }, 2, 0},
		{"the second waits", func() { probe(1) }, 2, 0},
		{"for the flush", r.flush, 3, 0},
		{"a flush of nothing", r.flush, 3, 0},
		{"a full disk", func() { full = true; probe(2); r.flush() }, 3, 1},
		{"is told of once", func() { probe(3); r.flush() }, 3, 1},
		{"and nothing is lost by it", func() { full = false; r.flush() }, 5, 1},
		{"full again, told again", func() { full = true; probe(4); r.flush() }, 5, 2},
	} {
		step.do()
		if got := strings.Count(file.String(), "\n"); got != step.want || told != step.told {
			t.Errorf("%s: %d lines, told %d times; want %d, %d", step.name, got, told, step.want, step.told)
		}
	}
	events := 0
	if garbage, err := report.ReadEvents(strings.NewReader(file.String()), func(report.Event) { events++ }); err != nil || garbage > 0 || events != 5 {
		t.Errorf("the file has %d events and %d lines of garbage (%v)", events, garbage, err)
	}
}
