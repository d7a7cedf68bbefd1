package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/report"
)

// A Milestone is one thing that has to happen in a drill, or the loss
// itself.
type Milestone struct {
	Name   Name
	Source Source
	State  State
	At     *time.Duration // since the loss began; nil: it did not happen (yet), or has no moment
	Text   string         // for people
}

// Name is what a Milestone is of.
type Name string

// The loss, in the order in which they are told.
const (
	Started  Name = "started"    // the network, and a node in it
	Ready    Name = "ready"      // the node knows its targets
	Loss     Name = "loss"       // begins
	LostPing Name = "lost-ping"  // the first
	Noticed  Name = "noticed"    // by the watchdog
	Trace    Name = "trace"      // its first packet
	Path     Name = "whole-path" // each TTL to one of the targets was asked once
	Paths    Name = "all-paths"  // each TTL to each of the targets was asked once
	Incident Name = "incident"   // on disk
	Place    Name = "place"      // the incident names where
	Members  Name = "members"    // the incident holds whom it should
	LossEnds Name = "loss-ends"
	Answers  Name = "answers-again"
	Reports  Name = "reports" // of the traces, in the archive
	Quiet    Name = "no-others"
)

// The other loss, which is somewhere else at the same time.
const (
	Other         Name = "other-loss"
	OtherIncident Name = "other-incident"
	OtherEnds     Name = "other-ends"
)

// Source is whose clock and word a Milestone is.
type Source string

const (
	ByNetwork  Source = "network"  // the log of the network that caused it
	ByWatchdog Source = "watchdog" // what the watchdog wrote down
	ByDrill    Source = "drill"    // when the drill found it
)

// State is how far a Milestone has come.
type State string

const (
	Pending   State = "pending"
	Reached   State = "ok"
	Failed    State = "failed"
	NotJudged State = "not-judged" // chance did not give the watchdog what it needs
	NotHeld   State = "not-held"   // the drill ended before it
)

// answered is how many pings in a row say that a target answers again.
const answered = 3

// milestones says how far a drill has come: those of the loss, then those
// of the other. It is pure: the same of the same arguments.
func (p *plan) milestones(s *seen) (loss, other []Milestone) {
	c := course{p, s, p.home(s)}
	return []Milestone{
		c.started(), c.ready(), c.loss(), c.lostPing(), c.noticed(), c.trace(), c.path(), c.paths(), c.incident(), c.place(), c.members(),
		c.lossEnds(), c.answers(), c.reports(), c.quiet(),
	}, []Milestone{c.other(), c.otherIncident(), c.otherEnds()}
}

// home is the incident that most of the targets behind the link are in; nil:
// none is.
func (p *plan) home(s *seen) *report.Incident {
	var best *report.Incident
	most := 0
	for _, inc := range s.incidents {
		if n := len(p.inTrouble(inc, p.behind, s.loss)); n > most {
			best, most = inc, n
		}
	}
	return best
}

// inTrouble are those of some targets that an incident holds for a loss.
func (p *plan) inTrouble(inc *report.Incident, of []int, when span) (in []int) {
	for i := range inc.Members {
		m := &inc.Members[i]
		if n := p.number(m.Address); slices.Contains(of, n) && when.near(m.Began) {
			in = append(in, n)
		}
	}
	return in
}

// course is a moment of a drill under judgement.
type course struct {
	p    *plan
	s    *seen
	home *report.Incident // of the targets behind the link; nil: there is none
}

// at is a moment as against the beginning of the loss.
func (c *course) at(t time.Time) *time.Duration {
	if t.IsZero() || c.s.loss.from.IsZero() {
		return nil
	}
	d := t.Round(0).Sub(c.s.loss.from.Round(0))
	return &d
}

// yes is a milestone that was reached; not is one that was not, in words
// that are used only once it is too late.
func (c *course) yes(n Name, by Source, at time.Time, format string, args ...any) Milestone {
	return Milestone{n, by, Reached, c.at(at), fmt.Sprintf(format, args...)}
}

func (c *course) not(n Name, by Source, late bool, format string, args ...any) Milestone {
	m := Milestone{Name: n, Source: by, State: Pending}
	switch {
	case c.s.over && c.s.loss.from.IsZero() && n != Ready:
		m.State = NotHeld // nothing was lost
	case late || c.s.over:
		m.State, m.Text = Failed, fmt.Sprintf(format, args...)
	}
	return m
}

// cut is a milestone of the network that has not come yet, or will not: the
// drill ended before it, which is said elsewhere.
func (c *course) cut(n Name) Milestone {
	m := Milestone{Name: n, Source: ByNetwork, State: Pending}
	if c.s.over {
		m.State = NotHeld
	}
	return m
}

// due are the targets behind the link that lost enough to be owed an
// incident and a trace.
func (c *course) due() (out []int) {
	for _, i := range c.p.behind {
		if c.p.percent == 100 || c.s.sent[i].due() {
			out = append(out, i)
		}
	}
	return out
}

// earliest is the target of some for which something happened first, and
// when; -1: for none.
func (c *course) earliest(of []int, when func(*sent) time.Time) (target int, at time.Time) {
	target = -1
	for _, i := range of {
		if s := c.s.sent[i]; s != nil && !when(s).IsZero() && (target < 0 || when(s).Before(at)) {
			target, at = i, when(s)
		}
	}
	return target, at
}

func (c *course) names(targets []int) string {
	const most = 4
	var out []string
	for i, t := range targets {
		if i == most {
			out = append(out, fmt.Sprintf("%d more", len(targets)-most))
			break
		}
		out = append(out, c.p.target(t).String())
	}
	return strings.Join(out, ", ")
}

// without are those of some that are not among others.
func without(some, others []int) (out []int) {
	for _, i := range some {
		if !slices.Contains(others, i) {
			out = append(out, i)
		}
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
