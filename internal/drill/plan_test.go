package drill

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestChoose holds what a place must be like to be found by who loses and
// who does not, for many networks.
func TestChoose(t *testing.T) {
	for seed := range uint64(200) {
		top, err := lab.Tree(targets, minHops, maxHops, seed)
		if err != nil {
			t.Fatal(err)
		}
		p, err := choose(top, 100, 30)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		near := 0
		for i, path := range p.paths {
			on := slices.Contains(path, p.to)
			if on != slices.Contains(p.behind, i) {
				t.Errorf("seed %d: target %d behind %s: %v, in the plan %v", seed, i, p.to, on, !on)
			}
			if slices.Contains(path, p.from) {
				near++
			}
			if on && (path[p.ttl-1] != p.to || path[p.ttl-2] != p.from) {
				t.Errorf("seed %d: hops %d and %d to target %d are %s and %s, want %s and %s", seed, p.ttl-1, p.ttl, i, path[p.ttl-2], path[p.ttl-1], p.from, p.to)
			}
		}
		if n := len(p.behind); n < 2 || n > 10 || near <= n {
			t.Errorf("seed %d: %d targets behind the link, %d behind its near end", seed, n, near)
		}
		if slices.Contains(p.behind, p.other) || p.shared(p.other, p.behind[0]) != trunk {
			t.Errorf("seed %d: the other target %d is not elsewhere", seed, p.other)
		}
	}
}

func TestChooseFindsNothing(t *testing.T) {
	one, err := lab.Tree(1, 8, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := choose(one, 100, 30); err == nil || !strings.Contains(err.Error(), "another seed") {
		t.Errorf("got %v for a network of one target", err)
	}
}

func TestStretch(t *testing.T) {
	a := netip.MustParseAddr
	path := []netip.Addr{a("192.0.2.254"), a("198.18.0.1"), a("198.18.0.2"), a("198.18.0.3"), a("203.0.113.7")}
	none := netip.Addr{}
	for name, tt := range map[string]struct {
		from, to netip.Addr
		ttl      int
		right    bool
		links    int
	}{
		"the link itself":       {path[1], path[2], 3, true, 1},
		"its neighbour":         {path[2], path[3], 3, false, 1},
		"the one before":        {path[0], path[1], 3, false, 1},
		"two links":             {path[1], path[3], 3, true, 2},
		"into the target":       {path[3], path[4], 5, true, 1},
		"own link":              {none, path[0], 1, true, 1},
		"all the way":           {none, none, 3, true, 5},
		"open end":              {path[2], none, 4, true, 2},
		"turned round":          {path[2], path[1], 3, false, 0},
		"a router elsewhere":    {a("198.18.0.9"), path[2], 3, false, 0},
		"to a router elsewhere": {path[1], a("198.18.0.9"), 3, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			right, links := stretch{from: tt.from, to: tt.to}.holds(path, tt.ttl)
			if right != tt.right || links != tt.links {
				t.Errorf("got %v, %d links; want %v, %d", right, links, tt.right, tt.links)
			}
		})
	}
}
