package torture

import (
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKilledAtRandom is the short form of TestTortureKilledAtRandom.
func TestKilledAtRandom(t *testing.T) { killedAtRandom(t, 80) }

// killedAtRandom kills the node and its senders at random moments under load,
// until so many have died of it.
func killedAtRandom(t *testing.T, kills int) {
	const targets = 40
	n := network(t, targets)
	dir := t.TempDir()
	s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
	r := chance(t)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	var ofSenders atomic.Int64
	ways := []func(kill time.Duration, targets []string) (bool, error){
		func(kill time.Duration, targets []string) (bool, error) { return s.enqueue(t, kill, targets...) },
	}
	if membersCan(t) { // two ways through drop/; each of their senders lives some 30 ms
		s.layOut(t)
		ways = append(ways,
			func(kill time.Duration, targets []string) (bool, error) {
				return s.outcome(s.command(t, s.member(t), append([]string{"enqueue", "--rounds", "1"}, targets...)...), 2*kill)
			},
			func(kill time.Duration, targets []string) (bool, error) {
				return s.outcome(s.recipe(t, nil, targets...), 3*kill)
			})
	}
	for i := range 5 {
		own := rand.New(rand.NewPCG(r.Uint64(), 2))
		send := ways[max(0, i-2)%len(ways)]
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(own.IntN(120)) * time.Millisecond):
				}
				many := 1
				if own.IntN(3) == 0 {
					many = 1 + own.IntN(12)
				}
				kill := time.Duration(0)
				if own.IntN(2) == 0 { // they live for some 10 ms
					kill = time.Duration(1 + own.IntN(int(14*time.Millisecond)))
				}
				killed, err := send(kill, s.some(own, many, targets))
				switch {
				case killed:
					ofSenders.Add(1)
				case err != nil && kill == 0:
					t.Error(err)
					return
				}
			}
		})
	}
	end := sync.OnceFunc(func() {
		close(stop)
		senders.Wait()
	})
	defer end()
	node := s.node(t)
	ofNode := 0
	for ofNode+int(ofSenders.Load()) < kills && !t.Failed() {
		node.start()
		time.Sleep(time.Duration(1+r.IntN(400)) * time.Millisecond) // the moment is what is random
		node.kill()
		ofNode++
	}
	end()
	s.drain(t)
	a := s.held(t)
	s.sound(t)
	t.Logf("%d kills of the node and %d of senders; %d jobs acknowledged, %d reported (%d in the report of another), %d in bad/", ofNode, ofSenders.Load(), len(s.acks), len(a.reports), a.joined, len(a.bad))
	for why, files := range a.why {
		t.Logf("%d files in bad/: %q", files, why)
	}
	if ofNode == 0 || ofSenders.Load() == 0 {
		t.Error("only one of the two was killed")
	}
	if membersCan(t) && len(a.sentAs) == 0 {
		t.Error("no job came through drop/ by a script")
	}
	if a.joined == 0 {
		t.Error("no job shared a trace with another")
	}
}
