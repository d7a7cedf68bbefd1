package host

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mtrq/mtrq/report"
)

const (
	maxLinks     = 64 // kept of each, so that a host of a thousand containers does not fill an incident
	maxRoutes    = 64
	maxResolvers = 8 // the C library uses three
)

// A Reader reads the state of one machine, or of one network namespace of
// it. Its zero value reads that of the caller. It holds nothing open, and
// its methods may be called from several goroutines where Do may be.
type Reader struct {
	Do   func(func() error) error // runs a function on a thread inside the network namespace in question; nil: here
	Root string                   // where /proc, /sys and /etc are; empty: /
	Now  func() time.Time         // nil: time.Now
}

// Snapshot reads everything. It never fails: what cannot be read is absent.
// A list is nil where it could not be read, and empty where there is
// nothing. Links are in the order in which they were made; of more than 64
// those with a default route stay. Routes are IPv4 first, the lowest metric
// first, at most 64.
func (r *Reader) Snapshot() *report.HostState {
	s := &report.HostState{At: r.now(), Clock: readClock()}
	r.inside(func() error {
		links, linksErr := readLinks()
		routes, routesErr := readRoutes(dumpBytes)
		if linksErr == nil {
			s.Links = keepLinks(links, routes)
		}
		if routesErr == nil {
			s.Routes = routeTexts(routes, links)
			if all, err := readNeighbours(); err == nil {
				s.Neighbours = neighbourTexts(all, routes, links)
			}
		}
		s.Drops = r.counters()
		return nil
	})
	r.machine(s)
	return s
}

// Gateways are the next hops of the default routes: IPv4 first, the lowest
// metric first, each once. Those with a link-local IPv6 address are left
// out: mtr-packet takes no zone, and without one they cannot be reached.
// None where routes cannot be read.
func (r *Reader) Gateways() []netip.Addr {
	var out []netip.Addr
	r.inside(func() error {
		routes, err := readRoutes(dumpBytes)
		for _, rt := range routes {
			gw := rt.via
			if gw.IsValid() && !(gw.Is6() && gw.IsLinkLocalUnicast()) && !slices.Contains(out, gw) {
				out = append(out, gw)
			}
		}
		return err
	})
	return out
}

// Changes is the function of that name, for who holds a Reader.
func (*Reader) Changes(before, after *report.HostState) []string { return Changes(before, after) }

// inside runs fn in the namespace. An error means that what fn would have
// read stays absent.
func (r *Reader) inside(fn func() error) {
	if r.Do == nil {
		_ = fn()
		return
	}
	_ = r.Do(fn)
}

func (r *Reader) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

// keepLinks chooses those that a snapshot keeps.
func keepLinks(links []link, routes []route) []report.HostLink {
	if len(links) > maxLinks {
		used := func(l link) bool {
			return slices.ContainsFunc(routes, func(r route) bool { return r.index == l.index })
		}
		slices.SortStableFunc(links, func(a, b link) int {
			switch ua, ub := used(a), used(b); {
			case ua && !ub:
				return -1
			case ub && !ua:
				return 1
			}
			return 0
		})
		links = links[:maxLinks]
	}
	out := make([]report.HostLink, 0, len(links))
	for _, l := range links {
		out = append(out, l.HostLink)
	}
	return out
}
