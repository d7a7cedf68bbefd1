package probe

import (
	"net/netip"
	"sync"
	"time"
)

// successors is what all traces together know of which router follows which,
// so that a TTL which keeps silent in one trace is taken for the router that
// others saw there, and all probes to a router that limits its answers share
// its stream. Its methods may be called from anywhere.
type successors struct {
	mu    sync.Mutex
	after map[netip.Addr]follower
}

// follower is who was seen right after a router.
type follower struct {
	addr    netip.Addr
	seen    time.Time
	several time.Time // when somebody else was last seen there too
}

const (
	followerAge  = 10 * time.Minute // not seen for that long: not known
	maxFollowers = 1 << 16
)

// here stands for this machine as the one that a first hop follows.
func here(target netip.Addr) netip.Addr {
	if target.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// learn notes that next was seen right after prev.
func (s *successors) learn(target, prev, next netip.Addr, now time.Time) {
	if !next.IsValid() || prev == next {
		return
	}
	if !prev.IsValid() {
		prev = here(target)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after == nil {
		s.after = make(map[netip.Addr]follower)
	}
	f, ok := s.after[prev]
	if !ok && len(s.after) >= maxFollowers {
		s.forget(now)
	}
	if ok && f.addr != next && now.Sub(f.seen) < followerAge {
		f.several = now
	}
	f.addr, f.seen = next, now
	s.after[prev] = f
}

// forget makes room for many: what is old, and where that is too little,
// anything, as looking for it each time would cost more than it is worth.
func (s *successors) forget(now time.Time) {
	for a, f := range s.after {
		if now.Sub(f.seen) >= followerAge {
			delete(s.after, a)
		}
	}
	for a := range s.after {
		if len(s.after) < maxFollowers*7/8 {
			return
		}
		delete(s.after, a)
	}
}

// key is whose stream a probe joins at a TTL that kept silent, gap TTLs
// after prev: the only router ever seen there, else nobody in particular.
func (s *successors) key(target, prev netip.Addr, gap int, now time.Time) RouterKey {
	if !prev.IsValid() {
		prev = here(target)
	}
	if gap <= 1 {
		s.mu.Lock()
		f, ok := s.after[prev]
		s.mu.Unlock()
		if ok && f.several.IsZero() || ok && now.Sub(f.several) >= followerAge {
			if now.Sub(f.seen) < followerAge && f.addr != target {
				return RouterKey{Addr: f.addr}
			}
		}
	}
	return RouterKey{Addr: prev, Gap: uint8(min(max(gap, 1), 255))}
}
