package cases

import (
	"math"
	"slices"

	"github.com/mtrq/mtrq/report"
)

// random is what lines lose without anybody calling it a fault.
const random = 0.001

// Surely says that so many of so many packets were not lost at random: two at
// least, and more than come of a rate of 0.1 % in one of 40 traces. The sum
// is the binomial's own.
func Surely(lost, sent int) bool {
	if lost < 2 {
		return false
	}
	less := 0.0 // probability of fewer
	term := math.Pow(1-random, float64(sent))
	for x := range lost {
		less += term
		term *= float64(sent-x) / float64(x+1) * random / (1 - random)
	}
	return 1-less < 0.025
}

// Held is what a router before the target held back, of what it was asked.
type Held struct{ Held, Asked int }

// chance is how likely so many answers are held back by no limit of the router's
// own, where so many probes to the target all came back: that all silent ones
// fall on the router's. It is 1 for one that is silent throughout, which is not
// known to be there.
func (h Held) chance(passed int) float64 {
	if h.Held >= h.Asked || h.Held < 2 {
		return 1
	}
	p := 1.0
	for i := range h.Held {
		p *= float64(h.Asked-i) / float64(h.Asked+passed-i)
	}
	return p
}

// Counts are the truth about the probes to a target, and what a label must
// know of the trace.
type Counts struct {
	Sent, Lost int // lost: by the line
	Held       int // not answered by a target that could have

	Link     int // packets are lost between this TTL and the one before; 0: nowhere
	Length   int // the target's TTL
	Protocol string
	Known    bool // to have answered before
	Dark     bool // everything was lost for a while
	Hops     []Held
	Enough   bool // packets suffice to say where
	Watched  bool // by the watchdog's pings
}

// Decide fills in what the packets say where the sort of trouble (Class)
// leaves it open.
func (l *Label) Decide(c Counts) {
	also := func(classes ...report.Class) {
		for _, x := range classes {
			if x != l.Class && !slices.Contains(l.Also, x) {
				l.Also = append(l.Also, x)
			}
		}
	}
	switch {
	case l.Class != "":
		return
	case c.Sent > 0 && c.Lost == c.Sent && !c.Known:
		// It never answered, and nobody knows that it ever did.
		l.Class = report.NotProven
		also(report.RealLoss)
	case c.Lost == 0 && c.Link == 0:
		l.Class, l.Innocent = report.Clean, true
		least, held := 1.0, 0
		for _, h := range c.Hops {
			least = min(least, h.chance(c.Sent))
			if h.Held < h.Asked {
				held = max(held, h.Held)
			}
		}
		switch {
		case least < 0.001:
			l.Class = report.RateLimitOnly
		case held > 1: // the hops behind may tell more than the target
			also(report.RateLimitOnly)
		}
	case c.Lost == 0:
		l.Class = report.Clean
		also(report.RateLimitOnly)
	case !Surely(c.Lost, c.Sent):
		l.Class = report.NotProven
		if c.Watched {
			also(report.Recovered)
		}
	default:
		l.Class = report.RealLoss
		if c.Link == 1 {
			l.Class = report.OwnNetwork
		}
		l.From, l.To, l.Enough = c.Link-1, c.Link, c.Enough
		if l.Class == report.OwnNetwork && !l.Enough {
			also(report.RealLoss)
		}
		// A host that limits its answers looks the same for a while.
		short := 5*c.Lost >= 2*c.Sent && !l.Enough || c.Lost <= 3
		last := c.Link == c.Length && !c.Dark
		if c.Protocol == "icmp" && (short || last) || c.Protocol == "udp" && (!l.Enough || c.Link == c.Length) || c.Lost <= 3 {
			also(report.NotProven)
		}
	}
	if c.Sent < 3 {
		also(report.NotProven)
	}
	if c.Sent < 10 && c.Lost > 0 && c.Lost <= 2 {
		// Where the target's TTL is not known, a probe that was lost there is not known to have gone to it.
		also(report.Clean, report.RateLimitOnly)
	}
	l.Enough = l.Enough && !slices.Contains(l.Also, report.NotProven)
}
