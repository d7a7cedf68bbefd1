package lab_test

import (
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestSpikes asks a target behind a link with spikes: about the configured share is held up, by times between the
// least and the most, and the rest as little as ever.
func TestSpikes(t *testing.T) {
	const probes, least, most = 400, 200 * time.Millisecond, 300 * time.Millisecond
	top, err := lab.Tree(3, 8, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	top.Links[top.Targets[1].Path.Last].Spikes = lab.Spikes{Percent: 25, Least: least, Most: most}
	n := start(t, lab.Config{Topology: top, Seed: 1}, "mtr-packet")
	for target, want := range map[int][2]int{0: {0, 0}, 1: {60, 140}} { // 100 expected, give or take 8.7
		ask(t, n.Space(), repeat("ip-4 "+n.Target(target).Addr4.String()+" timeout 2", probes)...)
		usual := n.Target(target).RTT(n.Target(target).TTL())
		spikes := 0
		for r := range n.Truth().Records() {
			if r.Target != target {
				continue
			}
			// Jitter is a twentieth of the delay, in each direction.
			more := r.Due.Sub(r.Arrived) - usual
			switch {
			case more >= least && more <= most+usual/10:
				spikes++
			case more < 0 || more > usual/10:
				t.Errorf("target %d: answered after %s + %s: neither usual nor a spike", target, usual, more)
			}
		}
		if spikes < want[0] || spikes > want[1] {
			t.Errorf("target %d: %d of %d were held up, want %d to %d", target, spikes, probes, want[0], want[1])
		}
	}
}
