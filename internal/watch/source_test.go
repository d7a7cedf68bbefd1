package watch

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

// TestSourceOfAnIncident: the address that the probes leave from stands in the
// record, so that a trace from the other end is known as one.
func TestSourceOfAnIncident(t *testing.T) {
	y := newYard()
	silent, traced := y.plant(1, 2), y.plant(1, 2)
	source := netip.MustParseAddr("198.51.100.20")
	inc := &incident{trigger: report.TriggerLoss, began: y.now, noticed: y.now, opened: y.now}
	for _, w := range []*target{silent, traced} {
		y.fail(w, report.TriggerLoss, 5)
		w.trouble.incident = inc
		w.trouble.looks = []*look{newLook([16]byte{1}, w)}
		inc.members = append(inc.members, w)
	}
	if got := y.record(inc, y.now, report.IncidentOpen).Node.Source; got.IsValid() {
		t.Errorf("before any look: got %s, want none", got)
	}
	start := startEvent
	start.Source = source
	traced.trouble.looks[0].event(start)
	if got := y.record(inc, y.now, report.IncidentOpen).Node.Source; got != source {
		t.Errorf("got %s, want %s", got, source)
	}
	y.Node.Source = netip.MustParseAddr("198.51.100.21")
	if got := y.record(inc, y.now, report.IncidentOpen).Node.Source; got != y.Node.Source {
		t.Errorf("got %s, want the node's own %s", got, y.Node.Source)
	}
	y.Node.Source = netip.Addr{}
	inc.members, inc.source = nil, source // as an earlier process left it
	if got := y.record(inc, y.now, report.IncidentOpen).Node.Source; got != source {
		t.Errorf("after a restart: got %s, want %s", got, source)
	}
}

// TestControls: a record names three targets that answered all the while, the
// same each time.
func TestControls(t *testing.T) {
	y := newYard()
	inc := &incident{trigger: report.TriggerLoss, began: y.now, noticed: y.now, opened: y.now}
	var want []netip.Addr
	for range 40 {
		w := y.plant(1, 2)
		w.lastAns = y.now.Add(time.Second)
		switch {
		case len(y.all) == 2:
			w.lostAt = y.now.Add(time.Millisecond)
		case len(want) < 3:
			want = append(want, w.Addr)
		}
	}
	for range 10 {
		got := y.record(inc, y.now, report.IncidentOpen)
		if got.Clean != 39 || !slices.Equal(got.Controls, want) {
			t.Fatalf("got %d clean, %v; want 39, %v", got.Clean, got.Controls, want)
		}
	}
}
