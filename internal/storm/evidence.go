package storm

import "net/netip"

// Evidence is what the watchdog has on one target at one moment.
type Evidence struct {
	// Path is the usual router at TTL 1, 2 and so on, the most frequent where there are several. An address that is
	// not valid is a silent or unknown hop. The target itself is not in it. Empty, or without any address: unknown.
	Path   []netip.Addr
	Target netip.Addr

	Lost int // pings since the trouble began …
	Sent int // … whose fate is known; of a clean target, in the same time

	UsualLost int // pings before the trouble …
	UsualSent int // … whose fate is known; zero: unknown, the background rate is assumed

	Hops []HopCount // of looks at the path during the trouble; none: nobody looked

	// Hit says that this target is known to lose at whatever place is asked for: a bad place on its path does not spare
	// it, and what it lost is of no trouble of its own.
	Hit bool
}

// HopCount is what one TTL answered during the trouble, and what it normally
// does.
type HopCount struct {
	TTL  int
	Addr netip.Addr // that answered, not valid where none did; a count for another than the usual address is not used
	Lost int        // probes without an answer …
	Sent int        // … whose fate is known

	UsualAnswered int // of path memory: answers of this router …
	UsualAsked    int // … to so many probes; zero: unknown, its silence then tells nearly nothing
}

// Options are the priors. A zero field is its default.
type Options struct {
	Background float64 // rate at which a ping is lost without any trouble, 0 to 1: 0.0005
	Place      float64 // chance that a given link or router begins to fail in a given time of ten seconds: 1e-5
	Own        float64 // that a given target has a trouble of its own, on links that only it has: 1e-4
}

// withDefaults fills in what is unset or no chance at all.
func (o Options) withDefaults() Options {
	set := func(v *float64, def float64) {
		if !(*v > 0 && *v < 0.5) { // not a number is not either
			*v = def
		}
	}
	set(&o.Background, 0.0005)
	set(&o.Place, 1e-5)
	set(&o.Own, 1e-4)
	return o
}

// maxPath is how much of a path is looked at; what is longer is a routing
// loop or was sent by someone who wants us to work.
const maxPath = 64

// maxCount of packets is more than any trouble has; a larger number is a
// mistake, and would overflow a sum.
const maxCount = 1 << 30

// path is the known part of e.Path, nil where nothing of it is.
func (e *Evidence) path() []netip.Addr {
	p := e.Path[:min(len(e.Path), maxPath)]
	for _, a := range p {
		if a.IsValid() {
			return p
		}
	}
	return nil
}

// counts are e.Lost and e.Sent, or none where they cannot be.
func (e *Evidence) counts() (lost, sent int) {
	if e.Sent == 0 || !share(e.Lost, e.Sent) {
		return 0, 0
	}
	return e.Lost, e.Sent
}

// share tells whether some of all can be.
func share(some, all int) bool {
	return some >= 0 && some <= all && all <= maxCount
}
