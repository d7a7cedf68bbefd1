package watch

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/report"
)

// size is how large an incident was, and where.
type size struct {
	targets int
	place   *report.Common
}

// sureOfPlace is how likely a place must be for people to hear that it is
// another.
const sureOfPlace = 0.8

// outgrown says that an incident is another than it was: at least twice as
// many targets and three more, or at another place.
func (s size) outgrown(now size) bool {
	return now.targets >= max(2*s.targets, s.targets+3) || s.place != nil && now.place != nil && apart(s.place, now.place)
}

// apart says that two places, both likely, have nothing in common.
func apart(a, b *report.Common) bool {
	if a.Chance < sureOfPlace || b.Chance < sureOfPlace {
		return false
	}
	on := func(at netip.Addr, c *report.Common) bool { return at == c.To || slices.Contains(c.Suspects, at) }
	return !on(a.To, b) && !on(b.To, a)
}

// say tells people of an incident once it has settled, and once more, when it
// has outgrown what they were told. The log has each time that it does.
func (w *Watchdog) say(inc *incident, now time.Time) {
	is := size{inc.affected, inc.common}
	switch {
	case !inc.told:
		if now.Before(inc.tellAt) {
			return
		}
		inc.told = true
		if inc.said.outgrown(is) {
			w.logGrowth(inc)
		}
		inc.said = is
		w.tell("incident-open", inc, now)
	case !inc.said.outgrown(is) || !inc.quiet.IsZero():
		inc.sayAt = time.Time{}
	case inc.sayAt.IsZero():
		inc.sayAt = now.Add(w.Rules.Settle) // by then it is as large as it becomes
	case !now.Before(inc.sayAt):
		inc.said, inc.sayAt = is, time.Time{}
		w.logGrowth(inc)
		if !inc.grown {
			inc.grown = true
			w.tell("incident-grown", inc, now)
		}
	}
}

func (w *Watchdog) logGrowth(inc *incident) {
	place := []any{}
	if c := inc.common; c != nil {
		place = []any{"from", c.From, "to", c.To}
	}
	w.Log.Info("incident has grown", append([]any{"incident", inc.id, "targets", inc.affected}, place...)...)
}
