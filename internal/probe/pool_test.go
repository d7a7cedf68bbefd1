package probe

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestPoolGrowsAndShrinks: silence fills processes; more are started, and
// retired when they are idle.
func TestPoolGrowsAndShrinks(t *testing.T) {
	opt := fakeOptions(t, "late=800ms")
	opt.idle = 300 * time.Millisecond
	s := run(t, opt)
	most := 0
	watch := pings(6000)
	watch[5999].OnSent = func(time.Time) { most = len(s.pool.procs) } // from the loop
	if n := tally(collect(t, s, watch)); n["reply"] < 5900 {
		t.Errorf("got %v, want 6000 replies", n)
	}
	if most < 4 || most > 16 {
		t.Errorf("%d processes for 6,000 probes in flight", most)
	}
	waitFor(t, func() bool { return s.Stats().Processes == 1 })
	if st := s.Stats(); st.Restarts != 0 {
		t.Errorf("%d restarts: a retired process is no failure", st.Restarts)
	}
}

func TestPoolIsBounded(t *testing.T) {
	opt := fakeOptions(t, "late=300ms")
	opt.MaxProcesses = 2
	s := run(t, opt)
	rs := pings(4000)
	most := 0
	for i := range rs {
		rs[i].OnSent = func(time.Time) { most = max(most, s.pool.inFlight()) }
	}
	if n := tally(collect(t, s, rs)); n["reply"] < 3900 {
		t.Errorf("got %v, want 4000 replies", n)
	}
	if most > 2*maxInFlight {
		t.Errorf("%d in flight in two processes", most)
	}
}

// TestPoolReplacesWornProcesses: sequence numbers are used once.
func TestPoolReplacesWornProcesses(t *testing.T) {
	opt := fakeOptions(t, "good")
	opt.life = 100
	s := run(t, opt)
	if n := tally(collect(t, s, pings(1000))); n["reply"] != 1000 {
		t.Errorf("got %v, want 1000 replies", n)
	}
	waitFor(t, func() bool { return s.Stats().Started >= 10 })
	if st := s.Stats(); st.Started < 10 || st.Restarts != 0 {
		t.Errorf("%d started, %d restarts; want 10 or more, none", st.Started, st.Restarts)
	}
}

// TestWatchIsNotHeldUp: watch pings have a budget of their own, and leave
// before anything that waits.
func TestWatchIsNotHeldUp(t *testing.T) {
	opt := fakeOptions(t, "good")
	opt.MaxPPS = 100
	s := run(t, opt)
	rs := pings(60)
	var before atomic.Int32
	for i := range rs {
		rs[i].OnSent = func(time.Time) { before.Add(1) }
	}
	var seen int32
	for range 50 {
		rs = append(rs, Request{Spec: rs[0].Spec, Class: Watch})
	}
	rs[109].OnSent = func(time.Time) { seen = before.Load() }
	collect(t, s, rs)
	if seen > 5 {
		t.Errorf("%d others left before the last of 50 watch pings", seen)
	}
}

// stepClock is a clock that can jump ahead, as it seems to do to a process
// that was not run for a while.
type stepClock struct{ ahead atomic.Int64 }

func (c *stepClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func TestOwnStallIsNoLoss(t *testing.T) {
	for name, c := range map[string]struct{ mode, want string }{
		"answered meanwhile": {"late=300ms", "reply"},
		"not answered":       {"silent", "unsent: this machine stalled"},
	} {
		t.Run(name, func(t *testing.T) {
			var clock stepClock
			opt := fakeOptions(t, c.mode)
			opt.Now = clock.now
			s := run(t, opt)
			rs := pings(20)
			for i := range rs {
				rs[i].Deadline = 500 * time.Millisecond
			}
			rs[19].OnSent = func(time.Time) { clock.ahead.Add(int64(10 * time.Second)) }
			if n := tally(collect(t, s, rs)); n[c.want] != 20 {
				t.Errorf("got %v, want all %s", n, c.want)
			}
			waitFor(t, func() bool { return s.Stats().Stalls > 0 })
			if st := s.Stats(); st.Restarts != 0 || st.Stalls == 0 {
				t.Errorf("%d restarts, %d stalls; want none, some", st.Restarts, st.Stalls)
			}
		})
	}
}
