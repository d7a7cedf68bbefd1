package report

import "net/netip"

// A HopChange is a TTL at which other routers answer than before. Nil: it
// stayed silent, or the path is shorter.
type HopChange struct {
	TTL           int
	Before, After []netip.Addr
}

// PathChanges are the TTLs at which two paths differ, nearest first. A
// router that is one of several usual ones is no change, nor is one that
// answers in the one and is silent in the other: routers answer at their
// leisure. Where either path is not known (nil) there are none.
func PathChanges(before, after *Path) []HopChange {
	var out []HopChange
	for _, c := range changes(before, after) {
		out = append(out, HopChange{c.ttl, c.before, c.after})
	}
	return out
}
