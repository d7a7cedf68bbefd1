package lab

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// bare is an engine without device and threads: packets are handed to it, answers are looked at where they lie.
func bare(t *testing.T, targets int) (*engine, []byte) {
	t.Helper()
	top, err := Tree(targets, 8, 8, 1)
	if err != nil {
		t.Fatal(err)
	}
	truth := &Truth{limit: 2, clock: clock{base: time.Now()}}
	e := &engine{truth: truth}
	e.rng.Seed(1, 1)
	e.state.Store(newState(top))
	return e, make([]byte, slotLen)
}

// echo4 writes an echo request with a right checksum behind the headroom and returns its length.
func echo4(buf []byte, dst netip.Addr, ttl uint8, seq uint16) int {
	src, _, _, _ := proberAddrs()
	icmp := buf[headroom+ipv4Len : headroom+ipv4Len+44]
	clear(icmp)
	icmp[0] = echoRequest4
	binary.BigEndian.PutUint16(icmp[6:], seq)
	binary.BigEndian.PutUint16(icmp[2:], fold(sum(0, icmp)))
	putIPv4(buf[headroom:], protoICMP, ttl, src.As4(), dst.As4(), len(icmp))
	return ipv4Len + len(icmp)
}

func TestLimitIsExact(t *testing.T) {
	tests := map[string]struct {
		limit Limit
		gap   time.Duration // between probes
		want  int           // answers to 100 probes
	}{
		"no limit":           {Limit{}, 0, 100},
		"burst, no refill":   {Limit{0, 6}, time.Second, 6},
		"linux peer, a rush": {LinuxPeerLimit(), 0, 6},
		// 99 s pass: 6 at once, then one a second, and probes come ten times as fast.
		"linux peer, 100 ms": {LinuxPeerLimit(), 100 * time.Millisecond, 6 + 9},
		"linux global":       {LinuxGlobalLimit(), 0, 50},
		"one a second":       {Limit{1, 1}, 250 * time.Millisecond, 25},
		"slower than limit":  {Limit{10, 1}, 100 * time.Millisecond, 100},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e, buf := bare(t, 1)
			st := e.state.Load().clone()
			for i := range st.links {
				st.links[i].jitterNs = 0 // so that probes reach the router as evenly as they are sent
			}
			st.routers[2].Limit = tt.limit
			e.state.Store(st)
			var s slot
			got := 0
			for i := range 100 {
				n := echo4(buf, st.targets[0].Addr4, 3, uint16(i))
				if e.receive(e.state.Load(), buf, n, e.truth.clock.base, int64(tt.gap)*int64(i), &s) {
					got++
				}
			}
			if got != tt.want {
				t.Errorf("answers to 100 probes: got %d, want %d", got, tt.want)
			}
			tally := e.truth.AtRouter(2, Window{})
			if tally.Of(Answered) != got || tally.Of(Limited) != 100-got {
				t.Errorf("truth says %v, got %d answers", tally, got)
			}
		})
	}
}

// TestLossIsExact: seed and packets are fixed, so each draw is the same; the interval is 99.9 %.
func TestLossIsExact(t *testing.T) {
	const probes = 50_000
	for _, percent := range []float64{0, 0.5, 10, 30, 99, 100} {
		for d, fate := range map[Direction]Fate{Forward: LostForward, Backward: LostBackward} {
			e, buf := bare(t, 1)
			st := e.state.Load().clone()
			if d == Forward {
				st.links[4].forward = threshold(percent)
			} else {
				st.links[4].backward = threshold(percent)
			}
			e.state.Store(st)
			lost := 0
			var s slot
			for i := range probes {
				if !e.receive(e.state.Load(), buf, echo4(buf, st.targets[0].Addr4, 64, uint16(i)), e.truth.clock.base, int64(i), &s) {
					lost++
				}
			}
			p := percent / 100
			if off := float64(lost) - probes*p; off*off > 3.29*3.29*probes*p*(1-p) {
				t.Errorf("%s %g %%: lost %d of %d", d, percent, lost, probes)
			}
			for r := range e.truth.Records() {
				if r.Fate != Answered && (r.Fate != fate || r.Link != 4) {
					t.Fatalf("%s: fate %s on link %d", d, r.Fate, r.Link)
				}
			}
		}
	}
}

// TestNoAllocation holds the fast path to it: the collector must have nothing to do while packets flow.
func TestNoAllocation(t *testing.T) {
	e, buf := bare(t, 50)
	st := e.state.Load()
	var s slot
	now := time.Now()
	i := 0
	probe := func() {
		n := echo4(buf, st.targets[i%50].Addr4, uint8(i%9+1), uint16(i))
		e.receive(e.state.Load(), buf, n, now, int64(i), &s)
		i++
	}
	for range chunkLen / 2 { // the first chunk of the log, the routers' buckets
		probe()
	}
	if got := testing.AllocsPerRun(1000, probe); got != 0 {
		t.Errorf("allocations per packet: got %g, want 0", got)
	}
}

func TestHeapGivesTheEarliest(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var h dueHeap
	var want, got []int64
	for i := range 1000 {
		at := rng.Int64N(500)
		want = append(want, at)
		h.push(due{at: at, slot: int32(i)})
		if i%3 == 2 { // pops between pushes
			got = append(got, h.pop().at)
			if rest := slices.Min(append([]int64{1 << 62}, heapTimes(h)...)); got[len(got)-1] > rest {
				t.Fatalf("popped %d while %d waited", got[len(got)-1], rest)
			}
		}
	}
	for len(h) > 0 {
		got = append(got, h.pop().at)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("elements went in and out differently (-in +out):\n%s", diff)
	}
}

func heapTimes(h dueHeap) []int64 {
	var out []int64
	for _, d := range h {
		out = append(out, d.at)
	}
	return out
}

func TestTreeSharesItsFirstRouters(t *testing.T) {
	top, err := Tree(600, 8, 15, 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := top.check(); err != nil {
		t.Fatal(err)
	}
	parent := map[RouterID]RouterID{}
	lengths := map[int]int{}
	for i, target := range top.Targets {
		lengths[len(target.Path.Stages)+1]++
		last := RouterID(-1)
		for ttl, s := range target.Path.Stages {
			r := s.Members[0].Router
			if known, ok := parent[r]; ok && known != last {
				t.Fatalf("target %d: router %d at ttl %d has parents %d and %d", i, r, ttl+1, known, last)
			}
			parent[r], last = last, r
			if ttl < sharedStages && r != top.Targets[0].Path.Stages[ttl].Members[0].Router {
				t.Errorf("target %d does not share ttl %d", i, ttl+1)
			}
		}
	}
	for hops := 8; hops <= 15; hops++ {
		if lengths[hops] == 0 {
			t.Errorf("no target at ttl %d: %v", hops, lengths)
		}
	}
	again, err := Tree(600, 8, 15, 7)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(top, again) {
		t.Error("same seed, another tree")
	}
}

func TestTreeAtItsLargest(t *testing.T) {
	top, err := Tree(maxTreeTargets, 8, 15, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := top.check(); err != nil {
		t.Errorf("addresses collide: %.300s", err.Error())
	}
}

func TestTruthForgetsTheOldest(t *testing.T) {
	e, buf := bare(t, 1)
	dst := e.state.Load().targets[0].Addr4
	var s slot
	for i := range 3*chunkLen + 1 {
		n := echo4(buf, dst, 64, uint16(i))
		e.receive(e.state.Load(), buf, n, e.truth.clock.base, int64(i), &s)
	}
	var first, count int
	for r := range e.truth.Records() {
		if count == 0 {
			first = int(r.Seq)
		}
		count++
	}
	if first != 2*chunkLen || count != chunkLen+1 || e.truth.Forgotten() != 2*chunkLen {
		t.Errorf("got %d records from %d on, %d forgotten; want %d from %d on, %d", count, first, e.truth.Forgotten(),
			chunkLen+1, 2*chunkLen, 2*chunkLen)
	}
}

func TestTopologyFaultsAreNamed(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	one := Path{Stages: []Stage{{Members: []Member{{0, 0}}}}}
	tests := map[string]struct {
		top  Topology
		want string
	}{
		"nothing":        {Topology{}, "no targets"},
		"no routers":     {Topology{Links: make([]Link, 1), Targets: []TargetSpec{{Addr4: a}}}, "path has 0 routers"},
		"missing router": {Topology{Links: make([]Link, 1), Targets: []TargetSpec{{Path: one}}}, "router 0 or link 0"},
		"missing link":   {Topology{Routers: make([]Router, 1), Targets: []TargetSpec{{Path: one}}}, "link 0 does not exist"},
		"address twice":  {Topology{Routers: []Router{{Addr4: a}}, Links: make([]Link, 1), Targets: []TargetSpec{{Addr4: a, Path: one}}}, "belongs to router 0"},
		"wrong family":   {Topology{Routers: []Router{{Addr6: a}}, Links: make([]Link, 1), Targets: []TargetSpec{{Path: one}}}, "wrong family"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if err := tt.top.check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func FuzzReceive(f *testing.F) {
	buf := make([]byte, slotLen)
	n := echo4(buf, netip.MustParseAddr("203.0.113.1"), 4, 1)
	f.Add(buf[headroom : headroom+n])
	f.Fuzz(func(t *testing.T, pkt []byte) {
		if len(pkt) == 0 || len(pkt) > tunMTU {
			return
		}
		e, buf := bare(t, 1)
		copy(buf[headroom:], pkt)
		var s slot
		if e.receive(e.state.Load(), buf, len(pkt), e.truth.clock.base, 0, &s) {
			if s.answer.off < 0 || s.answer.n <= 0 || s.answer.off+s.answer.n > slotLen {
				t.Errorf("answer at %+v", s.answer)
			}
		}
	})
}

// TestFatesAgreeWithEvents changes the network while packets meet it: those between the events of a loss are lost, and
// no other, wherever either side is held up.
func TestFatesAgreeWithEvents(t *testing.T) {
	e, buf := bare(t, 1)
	e.truth.limit = 1 << 20
	n := &Net{engine: e, truth: e.truth}
	last := e.state.Load().targets[0].Path.Last
	dst := e.state.Load().targets[0].Addr4
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3000 {
			undo := n.Loss(last, Forward, 100)
			runtime.Gosched()
			undo()
			runtime.Gosched()
		}
	}()
	var s slot
	for i, going := 0, true; going; i++ {
		select {
		case <-done:
			going = false
		default:
		}
		st, now, nowNs := e.moment()
		e.receive(st, buf, echo4(buf, dst, 64, uint16(i)), now, nowNs, &s)
	}
	events := e.truth.Events()
	if len(events) != 6000 {
		t.Fatalf("%d events", len(events))
	}
	i, wrong, all := 0, 0, 0
	for r := range e.truth.Records() {
		for i < len(events) && !events[i].At.After(r.Arrived) {
			i++
		}
		if all++; (r.Fate == LostForward) != (i%2 == 1) {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d packets are not of the state that the events say", wrong, all)
	}
}
