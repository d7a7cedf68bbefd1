package paths

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

var (
	target = netip.MustParseAddr("203.0.113.7")
	start  = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
)

const every = 5 * time.Minute // between baseline rounds

// walker asks a pretended network, one probe a TTL, as baseline rounds do.
type walker struct {
	m       *Memory
	now     time.Time
	trouble bool
}

// round notes what one round sees of a path: a word a TTL, "a" for
// 192.0.2.97 and so on, "T" for the target, "-" for silence, "a!" for an
// "unreachable" by a. The target answers at all TTLs behind its own; reach
// is how many of these are asked.
func (w *walker) round(path string, reach int) {
	words := strings.Fields(path)
	if n := len(words); words[n-1] == "T" {
		for range reach {
			words = append(words, "T")
		}
	}
	for i, word := range words {
		w.probe(uint8(i+1), word)
	}
	w.now = w.now.Add(every)
}

func (w *walker) probe(ttl uint8, word string) {
	note := w.m.Note
	if w.trouble {
		note = w.m.NoteTrouble
	}
	rtt := time.Duration(ttl) * time.Millisecond
	switch {
	case word == "T":
		note(target, ttl, Reply, target, rtt, w.now)
	case word == "-":
		note(target, ttl, Lost, netip.Addr{}, 0, w.now)
	case strings.HasSuffix(word, "!"):
		note(target, ttl, Unreachable, router(word[:1]), rtt, w.now)
	default:
		note(target, ttl, Expired, router(word), rtt, w.now)
	}
}

func router(word string) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, 2, word[0]})
}

// words is a path as round takes it; equal-cost members as "a/b".
func words(p *report.Path) string {
	if p == nil {
		return "nothing"
	}
	var out []string
	for i, h := range p.Hops {
		if h.TTL != i+1 {
			return "TTL out of order"
		}
		var members []string
		for _, a := range h.Addrs {
			if a == target {
				members = append(members, "T")
			} else {
				members = append(members, string(rune(a.As4()[3])))
			}
		}
		if len(members) == 0 {
			members = []string{"-"}
		}
		out = append(out, strings.Join(members, "/"))
	}
	return strings.Join(out, " ")
}

func (w *walker) usual() string {
	p, _ := w.m.Path(target)
	return words(p)
}

// wants fails unless Changed tells of just this; ttls "" for no change.
func (w *walker) wants(t *testing.T, when string, ttls []uint8, path string) {
	t.Helper()
	c := w.m.Changed(target)
	switch {
	case c == nil && len(ttls) == 0:
	case c == nil:
		t.Fatalf("%s: no change seen, want TTLs %v; usual is %q", when, ttls, w.usual())
	case !slices.Equal(c.TTLs, ttls):
		t.Fatalf("%s: changed at TTLs %v to %q, want %v", when, c.TTLs, words(c.New), ttls)
	case words(c.New) != path:
		t.Fatalf("%s: the new path is %q, want %q", when, words(c.New), path)
	case words(c.Old) != w.usual():
		t.Fatalf("%s: the old path is %q, but usual is %q", when, words(c.Old), w.usual())
	}
}
