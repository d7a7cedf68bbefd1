package drill

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mtrq/mtrq/report"
)

// narrow is how many links a place may have at most: with a router that
// stays silent there are two. More of them name no place.
const narrow = 2

// stretch is where an incident says that its packets are lost: between two
// addresses, of which one may be unknown.
type stretch struct {
	from, to netip.Addr
	chance   float64 // that it is there; 0: it comes from a verdict, which has a grade instead
}

// named is the place that an incident names; ok is false where it names none.
func named(inc *report.Incident) (s stretch, ok bool) {
	if c := inc.Common; c != nil && (c.From.IsValid() || c.To.IsValid()) {
		return stretch{c.From, c.To, c.Chance}, true
	}
	if l := inc.Verdict.Link; l != nil {
		return stretch{l.From.Addr, l.To.Addr, 0}, true
	}
	return stretch{}, false
}

// holds says whether the link into a TTL of a path is in a stretch, and how
// many links the stretch has. A stretch with routers that are not on the
// path holds nothing.
func (s stretch) holds(path []netip.Addr, ttl int) (right bool, links int) {
	at := func(a netip.Addr, otherwise int) int {
		if !a.IsValid() {
			return otherwise
		}
		return slices.Index(path, a) + 1 // 0: not there
	}
	from, to := at(s.from, 0), at(s.to, len(path))
	if s.from.IsValid() && from == 0 || to <= from {
		return false, 0
	}
	return from < ttl && ttl <= to, to - from
}

func (s stretch) String() string {
	end := func(a netip.Addr, otherwise string) string {
		if a.IsValid() {
			return a.String()
		}
		return otherwise
	}
	return fmt.Sprintf("between %s and %s", end(s.from, "this machine"), end(s.to, "what is next to it"))
}
