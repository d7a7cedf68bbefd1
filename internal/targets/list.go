package targets

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

const (
	// MinInterval and MaxInterval bound how often a target is pinged. A list
	// that asks for more or less gets the bound, and its Source.Err says so.
	MinInterval = 200 * time.Millisecond
	MaxInterval = time.Minute

	// MaxSourceTargets is how many targets one source may name, MaxTargets
	// how many are watched in all. What is beyond is refused, and said so.
	MaxSourceTargets = 100_000
	MaxTargets       = 200_000

	// Config is the Source of what the configuration names, All that of what
	// concerns every source: too many targets, too many pings a second.
	Config = "config"
	All    = "all"
)

// A Target is one thing to ping. No two of a List have the same Name, nor
// the same Addr and Protocol.
type Target struct {
	Name     string     // canonical, as spool.ParseTarget gives it: an address or a host name
	Addr     netip.Addr // where to; of a name the pinned one, invalid while it has none
	Group    string
	Source   string            // the first that names it: Config, a path or a URL
	Tags     map[string]string // shared with other targets: not to be changed; at most 32, as in a job
	Interval time.Duration     // MinInterval to MaxInterval, stretched already where max_pps is too few
	Protocol string            // "icmp", "udp" or "tcp"
	Note     string            // what is strange about it: "does not resolve since …"; empty: nothing
}

// A Source is how one list of targets is.
type Source struct {
	Source  string    // Config, a path, a URL without its password, or All
	Targets int       // it names so many that can be watched, duplicates included
	At      time.Time // when it was last read well; zero: never
	Err     string    // what is wrong with it, and what is watched instead; empty: nothing
	Note    string    // what is no fault, such as duplicates
}

// A List is all that is watched, in the order of its sources: the
// configuration, files by name, URLs. It does not change any more.
type List struct {
	Targets []Target
	Sources []Source
}

// A Group is [[watch.group]]. A list that names its group gets from here
// what it does not say itself.
type Group struct {
	Name     string
	Targets  []string
	Interval time.Duration // 0: that of Lists
	Protocol string        // empty: icmp
	Tags     map[string]string
}

func (t Target) equal(u Target) bool {
	return t.Name == u.Name && t.Addr == u.Addr && t.Group == u.Group && t.Source == u.Source && t.Interval == u.Interval &&
		t.Protocol == u.Protocol && t.Note == u.Note && maps.Equal(t.Tags, u.Tags)
}

// equal says whether nothing differs that is worth telling: when a source
// was last read is not.
func (l List) equal(m List) bool {
	return slices.EqualFunc(l.Targets, m.Targets, Target.equal) &&
		slices.EqualFunc(l.Sources, m.Sources, func(s, t Source) bool {
			s.At = t.At
			return s == t
		})
}
