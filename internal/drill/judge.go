package drill

import (
	"fmt"
	"slices"
	"time"

	"github.com/mtrq/mtrq/report"
)

func (c *course) started() Milestone {
	if !c.s.started {
		return c.not(Started, ByDrill, false, "the network was not made")
	}
	short, long := c.p.length(0), c.p.length(0)
	for i := range c.p.paths {
		short, long = min(short, c.p.length(i)), max(long, c.p.length(i))
	}
	return c.yes(Started, ByDrill, time.Time{}, "a network inside this machine: %s, %d to %d hops away; mtrq run watches them", plural(len(c.p.paths), "target"), short, long)
}

func (c *course) ready() Milestone {
	if !c.s.ready {
		return c.not(Ready, ByDrill, false, "the watchdog did not get to know its targets")
	}
	return c.yes(Ready, ByDrill, time.Time{}, "all of them answer and the path to each is learnt; times count from the first loss on")
}

func (c *course) loss() Milestone {
	if c.s.loss.from.IsZero() {
		return c.cut(Loss)
	}
	return c.yes(Loss, ByNetwork, c.s.loss.from, "%g %% lost between %s (hop %d) and %s (hop %d), on the way to %s",
		c.p.percent, c.p.from, c.p.ttl-1, c.p.to, c.p.ttl, plural(len(c.p.behind), "target"))
}

func (c *course) lostPing() Milestone {
	i, at := c.earliest(c.p.behind, func(s *sent) time.Time { return s.firstLost })
	if i < 0 {
		return c.not(LostPing, ByNetwork, !c.s.loss.to.IsZero(), "no ping was lost: nobody pinged")
	}
	return c.yes(LostPing, ByNetwork, at, "the first, to %s", c.p.target(i))
}

func (c *course) noticed() Milestone {
	var first *report.Member
	for _, inc := range c.s.incidents {
		for i := range inc.Members {
			m := &inc.Members[i]
			if slices.Contains(c.p.behind, c.p.number(m.Address)) && c.s.loss.near(m.Began) && (first == nil || m.Noticed.Before(first.Noticed)) {
				first = m
			}
		}
	}
	if first == nil {
		return c.not(Noticed, ByWatchdog, false, "not by the watchdog: no incident of %s", c.names(c.p.behind))
	}
	return c.yes(Noticed, ByWatchdog, first.Noticed, "%s did not answer in time", first.Address)
}

func (c *course) trace() Milestone {
	i, at := c.earliest(c.p.behind, func(s *sent) time.Time { return s.trace })
	if i < 0 {
		return c.not(Trace, ByNetwork, !c.s.loss.to.IsZero(), "no packet of a trace left while it lasted")
	}
	return c.yes(Trace, ByNetwork, at, "its first packet, toward %s", c.p.target(i))
}

func (c *course) path() Milestone {
	i, at := c.earliest(c.p.behind, func(s *sent) time.Time { return s.whole })
	if i < 0 {
		return c.not(Path, ByNetwork, !c.s.loss.to.IsZero(), "to none of them each hop was asked while it lasted")
	}
	return c.yes(Path, ByNetwork, at, "each of the %d hops to %s was asked once", c.p.length(i), c.p.target(i))
}

func (c *course) incident() Milestone {
	if c.home == nil {
		return c.not(Incident, ByDrill, false, "none was opened")
	}
	return c.yes(Incident, ByDrill, c.s.onDisk[c.home.ID], "%s is on disk", c.home.ID)
}

// place judges the last word on where it is. It may come to be right while
// the incident is open, and may come to be wrong again.
func (c *course) place() Milestone {
	if c.home == nil {
		return c.not(Place, ByDrill, false, "none was named")
	}
	s, ok := named(c.home)
	if !ok {
		return c.not(Place, ByDrill, false, "the incident names none")
	}
	right, links := s.holds(c.p.paths[c.p.behind[0]], c.p.ttl) // all of them share it up to there
	if !right {
		return c.not(Place, ByDrill, false, "the incident names %s, and it was between %s and %s: wrong", s, c.p.from, c.p.to)
	}
	if links > narrow {
		return c.not(Place, ByDrill, false, "the incident names %s, which are %d links: too many to be of use", s, links)
	}
	how := "right"
	if links > 1 {
		how = fmt.Sprintf("right, one of %d links", links)
	}
	if s.chance > 0 {
		how += fmt.Sprintf(" (probability %.2f)", s.chance)
	}
	return c.yes(Place, ByDrill, c.s.right[c.home.ID], "%s: %s", s, how)
}

func (c *course) paths() Milestone {
	due := c.due()
	var last time.Time
	var missing []int
	for _, i := range due {
		switch s := c.s.sent[i]; {
		case s == nil || s.whole.IsZero():
			missing = append(missing, i)
		case s.whole.After(last):
			last = s.whole
		}
	}
	if len(missing) > 0 {
		return c.not(Paths, ByNetwork, !c.s.loss.to.IsZero(), "to %d of the %d not each hop was asked while it lasted: %s", len(missing), len(due), c.names(missing))
	}
	if len(due) == 0 {
		return Milestone{Name: Paths, Source: ByNetwork, State: NotJudged, Text: "none of them lost enough pings"}
	}
	return c.yes(Paths, ByNetwork, last, "to each of the %d every hop was asked once", len(due))
}

func (c *course) members() Milestone {
	if c.home == nil {
		return c.not(Members, ByWatchdog, false, "no incident, no targets in it")
	}
	in := c.p.inTrouble(c.home, c.p.behind, c.s.loss)
	if missing := without(c.due(), in); len(missing) > 0 {
		return c.not(Members, ByWatchdog, false, "%s should be in the incident and are not", c.names(missing))
	}
	for i := range c.home.Members {
		if m := &c.home.Members[i]; !slices.Contains(c.p.behind, c.p.number(m.Address)) {
			return c.not(Members, ByWatchdog, false, "%s is in the incident and has nothing to do with it", report.Printable(m.Target))
		}
	}
	opened := time.Time{}
	for i := range c.home.Members {
		if m := &c.home.Members[i]; m.Opened.After(opened) {
			opened = m.Opened
		}
	}
	return c.yes(Members, ByWatchdog, opened, "%d of the %d targets are in it, and no other", len(in), len(c.p.behind))
}

func (c *course) lossEnds() Milestone {
	if c.s.loss.to.IsZero() {
		return c.cut(LossEnds)
	}
	return c.yes(LossEnds, ByNetwork, c.s.loss.to, "the link carries everything again")
}

// answers says since when all of them answer again, by the incident's own
// strips. It is no recovery yet: for that the incident wants a clean minute.
func (c *course) answers() Milestone {
	if c.home == nil {
		return c.not(Answers, ByWatchdog, false, "nobody was watching any more")
	}
	var last time.Time
	for i := range c.home.Members {
		m := &c.home.Members[i]
		at, ok := back(&m.Pings)
		if !ok {
			return c.not(Answers, ByWatchdog, false, "%s was not seen to answer again", report.Printable(m.Target))
		}
		if at.After(last) {
			last = at
		}
	}
	if c.s.loss.to.IsZero() || last.Before(c.s.loss.to.Add(-time.Second)) {
		// Loss of less than 100 % has such stretches of its own.
		return c.not(Answers, ByWatchdog, false, "none was seen after the end of the loss")
	}
	return c.yes(Answers, ByWatchdog, last, "all of them; the incident closes after a clean minute and five quiet ones")
}

// back is when the first ping left of those that were answered in a row at
// the end; ok says that they are enough.
func back(p *report.Pings) (at time.Time, ok bool) {
	n := 0
	for i := len(p.Answer) - 1; i >= 0; i-- {
		switch p.Answer[i] {
		case report.AnswerReply:
			n++
			at = p.From.Add(time.Duration(p.TxMS[i]) * time.Millisecond)
		case report.AnswerPending:
		default:
			return at, n >= answered
		}
	}
	return at, n >= answered
}

// reports judges what the traces have left behind, which is there once the
// watchdog was told to stop.
func (c *course) reports() Milestone {
	n, fresh := 0, map[int]bool{}
	for _, r := range c.s.reports {
		i := c.p.number(r.Evidence.Target.Address)
		if !slices.Contains(c.p.behind, i) {
			continue
		}
		for _, q := range r.Evidence.Requests {
			if q.Freshness == report.InEvent || q.Freshness == report.Tail {
				n++
				fresh[i] = true
				break
			}
		}
	}
	var missing []int
	for _, i := range c.due() {
		if !fresh[i] {
			missing = append(missing, i)
		}
	}
	switch {
	case !c.s.over:
		return Milestone{Name: Reports, Source: ByDrill, State: Pending}
	case len(missing) > 0:
		return c.not(Reports, ByDrill, true, "no trace of the loss itself is in the archive for %s", c.names(missing))
	}
	return c.yes(Reports, ByDrill, time.Time{}, "%s of the loss itself in the archive, of %s", plural(n, "trace"), plural(len(fresh), "target"))
}

// quiet says that nobody was accused who lost nothing.
func (c *course) quiet() Milestone {
	for _, inc := range c.s.incidents {
		for i := range inc.Members {
			n := c.p.number(inc.Members[i].Address)
			if n != c.p.other && !slices.Contains(c.p.behind, n) {
				return c.not(Quiet, ByWatchdog, true, "incident %s has %s, which lost nothing", inc.ID, report.Printable(inc.Members[i].Target))
			}
		}
	}
	if !c.s.over || c.s.loss.from.IsZero() {
		return c.not(Quiet, ByWatchdog, false, "")
	}
	return c.yes(Quiet, ByWatchdog, time.Time{}, "the %d targets that lost nothing are in no incident", len(c.p.paths)-len(c.p.behind)-1)
}

func (c *course) other() Milestone {
	if c.s.other.from.IsZero() {
		return c.cut(Other)
	}
	return c.yes(Other, ByNetwork, c.s.other.from, "elsewhere %g %% lost on the last link, to %s", c.p.otherPercent, c.p.target(c.p.other))
}

func (c *course) otherIncident() Milestone {
	if c.s.other.from.IsZero() {
		return c.cut(OtherIncident)
	}
	for _, inc := range c.s.incidents {
		if len(c.p.inTrouble(inc, []int{c.p.other}, c.s.other)) == 0 {
			continue
		}
		if len(inc.Members) > 1 {
			return c.not(OtherIncident, ByDrill, false, "%s is in one incident with others, of which it is apart", c.p.target(c.p.other))
		}
		return c.yes(OtherIncident, ByDrill, c.s.onDisk[inc.ID], "%s of its own is on disk", inc.ID)
	}
	if s := c.s.sent[c.p.other]; c.s.over && !s.due() {
		return Milestone{Name: OtherIncident, Source: ByDrill, State: NotJudged, Text: "chance lost too few of its pings for an incident"}
	}
	return c.not(OtherIncident, ByDrill, false, "none of %s, which lost packets too", c.p.target(c.p.other))
}

func (c *course) otherEnds() Milestone {
	if c.s.other.to.IsZero() {
		return c.cut(OtherEnds)
	}
	return c.yes(OtherEnds, ByNetwork, c.s.other.to, "the last link to %s carries everything again", c.p.target(c.p.other))
}
