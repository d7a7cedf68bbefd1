package watch

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

func TestOutgrown(t *testing.T) {
	at := func(chance float64, routers ...int) *report.Common {
		c := &report.Common{Chance: chance}
		for i, r := range routers {
			a := netip.Addr{}
			if r > 0 {
				a = routerAt(r)
			}
			switch i {
			case 0:
				c.From = a
			case len(routers) - 1:
				c.To = a
				c.Suspects = append(c.Suspects, a)
			default:
				c.Suspects = append(c.Suspects, a)
			}
		}
		return c
	}
	for name, c := range map[string]struct {
		was, is size
		want    bool
	}{
		"the same":                          {size{4, nil}, size{4, nil}, false},
		"one to three":                      {size{1, nil}, size{3, nil}, false},
		"one to four":                       {size{1, nil}, size{4, nil}, true},
		"one to ten":                        {size{1, nil}, size{10, nil}, true},
		"ten to nineteen":                   {size{10, nil}, size{19, nil}, false},
		"ten to twenty":                     {size{10, nil}, size{20, nil}, true},
		"a place is found":                  {size{2, nil}, size{2, at(0.99, 1, 2)}, false},
		"a place is narrowed":               {size{2, at(0.9, 1, 2, 3, 4)}, size{2, at(0.99, 2, 3)}, false},
		"another place":                     {size{2, at(0.99, 7, 8)}, size{2, at(0.99, 2, 3)}, true},
		"another place, which is a guess":   {size{2, at(0.99, 7, 8)}, size{2, at(0.6, 2, 3)}, false},
		"another place, after a mere guess": {size{2, at(0.6, 7, 8)}, size{2, at(0.99, 2, 3)}, false},
	} {
		if got := c.was.outgrown(c.is); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestSay: people hear of an incident once it has settled, once more when it
// has grown for as long, and never again; the log has each time.
func TestSay(t *testing.T) {
	s := newSimDog(t, 1, 4)
	inc := &incident{tellAt: s.now.Add(s.Rules.Settle), began: s.now, noticed: s.now, opened: s.now, affected: 1, said: size{targets: 1}, members: s.all[:1]}
	s.fail(s.all[0], report.TriggerLoss, 5)
	s.all[0].trouble.incident = inc
	var heard []string
	for second := range 60 {
		switch second {
		case 20:
			inc.affected = 10
		case 40:
			inc.affected = 40
		}
		before := len(s.told.all())
		s.say(inc, s.now)
		for _, m := range s.told.all()[before:] {
			heard = append(heard, m.on+" at "+(time.Duration(second)*time.Second).String())
		}
		s.now = s.now.Add(time.Second)
	}
	if got, want := strings.Join(heard, ", "), "incident-open at 3s, incident-grown at 23s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := strings.Count(s.log.String(), "incident has grown"); n != 2 {
		t.Errorf("the log says so %d times, want twice:\n%s", n, s.log)
	}
}

// TestReason: a trace of a later episode is for what was lost in that one, and
// says when in a way that holds in any zone.
func TestReason(t *testing.T) {
	y := newYard()
	zone := time.FixedZone("", 8*3600)
	y.start = y.start.In(zone)
	w := y.plant(1, 2)
	y.fail(w, report.TriggerLoss, 8)
	tr := w.trouble
	tr.spell, tr.lost, tr.sent = tr.began.In(zone), 8, 8
	if got, want := y.reason(w), "8 of 8 pings lost since 2026-11-23T22:09:52.000+08:00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	tr.cleared, tr.incident = true, &incident{episodes: []report.Episode{{From: tr.began}}}
	y.now = y.now.Add(time.Minute)
	at := y.ms(y.now.Add(-2 * time.Second))
	marks(&w.hist, &at, 1000, "--")
	y.open(w, report.TriggerLoss, y.now.Add(-2*time.Second), y.now, y.now)
	if got, want := y.reason(w), "2 of 2 pings lost since 2026-11-23T14:10:58.000Z"; got != want {
		t.Errorf("of the second episode: got %q, want %q", got, want)
	}
	if tr.lost != 10 || tr.sent != 10 {
		t.Errorf("%d of %d lost in all, want 10 of 10", tr.lost, tr.sent)
	}
}
