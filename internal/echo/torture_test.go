//go:build torture

package echo

import (
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestTortureMany: more pings under way than there are sequence numbers.
func TestTortureMany(t *testing.T) {
	const targets, rounds = 3500, 20
	n := network(t, lab.Config{Targets: targets, Seed: 1})
	s := open(t, n, Options{})
	undo := n.BlackHole(n.Target(0).Router(1), true)
	for r := range rounds {
		s.pingAll(r*10000, 3*time.Minute, addrs4(n)...)
	}
	if got := s.InFlight(); got != targets*rounds {
		t.Fatalf("%d under way, want %d: %v", got, targets*rounds, s.tally())
	}
	undo()
	// Those that are answered now have the sequence numbers of others to the same targets.
	for r := range rounds {
		s.pingAll(1_000_000+r*10000, 3*time.Minute, addrs4(n)...)
		s.await("answers", func() bool { return s.InFlight() == targets*rounds })
	}
	s.Poll(time.Now().Add(10*time.Minute), s.told) // time passes for all at once
	whole(t, n)
	if got := s.tally(); got["reply"] != targets*rounds || got["lost"] != targets*rounds {
		t.Errorf("got %v, want %d of each", got, targets*rounds)
	}
	for tag := range s.got {
		if (s.got[tag][0].Outcome == Reply) != (tag >= 1_000_000) {
			t.Fatalf("ping %d: %+v", tag, s.got[tag])
		}
	}
}
