package run

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// children are the processes of this one that run mtr-packet for a test's
// network, which is known by its namespace.
func (s *site) children() (pids []int) {
	s.t.Helper()
	var ns string
	err := s.net.Space().Do(func() (err error) {
		ns, err = os.Readlink("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, dir := range dirs {
		// What has ended meanwhile cannot be read, and is none.
		comm, _ := os.ReadFile(dir + "/comm")
		link, _ := os.Readlink(dir + "/ns/net")
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && link == ns && strings.TrimSpace(string(comm)) == "mtr-packet" {
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestProberFails kills or stops mtr-packet in the middle of a trace. It
// is replaced, and what it took with it is no loss.
func TestProberFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal unix.Signal
	}{
		{"killed", unix.SIGKILL},
		{"hung", unix.SIGSTOP},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // a hang takes seconds to be noticed
			s := newSite(t, lab.Config{Targets: 3, Seed: 3})
			l := s.run()
			for i := range 3 {
				s.submit(spool.Job{Target: s.target(i), Rounds: 10000})
			}
			await(t, "three long looks", func() bool { return s.state().Jobs.LongLook == 3 })
			pids := s.children()
			if len(pids) == 0 {
				t.Fatal("no mtr-packet runs")
			}
			for _, pid := range pids {
				if err := unix.Kill(pid, c.signal); err != nil {
					t.Fatal(err)
				}
			}
			await(t, "another mtr-packet", func() bool { return l.Scheduler.Stats().Restarts >= len(pids) })
			answered := l.Scheduler.Stats().Answered
			await(t, "answers again", func() bool { return l.Scheduler.Stats().Answered > answered+30 })
			l.drain()
			calm := s.calm(l)
			for id, rep := range s.settled() {
				if n := lost(rep); n > 0 && calm {
					t.Errorf("job %s: %d probes lost, in a network that loses none", id, n)
				}
				if e := &rep.Evidence; e.Ended != report.EndedShutdown || e.Target.State != report.Reached {
					t.Errorf("job %s ended %s, %s; want shutdown, reached", id, e.Ended, e.Target.State)
				}
			}
			if l.Scheduler.Stats().Restarts != len(pids) && calm {
				t.Errorf("%d restarts after %d processes were %s", l.Scheduler.Stats().Restarts, len(pids), c.name)
			}
		})
	}
}

// TestProberNeverWorks has no mtr-packet that could trace: that is no fault of
// any target, and the jobs wait until it is mended.
func TestProberNeverWorks(t *testing.T) {
	for _, c := range []struct {
		name, broken, says string // a script; none: there is no file
	}{
		{"missing", "", "install mtr"},
		{"without rights", "exec setpriv --inh-caps=-all --bounding-set=-net_raw --no-new-privs mtr-packet", "CAP_NET_RAW"},
		{"answers garbage", "while read -r line; do echo 'what is a probe?'; done", "mtr-packet"},
		{"ends at once", "exit 3", "exit status 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // some are tried again and again
			s := newSite(t, lab.Config{Targets: 5, Seed: 3})
			s.submit(spool.Job{Target: s.target(0), Rounds: 3})
			s.submit(spool.Job{Target: s.target(1), Rounds: 3})
			s.submit(spool.Job{Target: s.target(1)})
			s.submit(spool.Job{Target: s.target(1)}) // joins the last
			s.submit(spool.Job{Target: s.target(2), Protocol: "tcp"})
			ids, err := s.spool.SubmitBatch(t.Context(), spool.Job{Source: "cli"}, []string{s.target(3), s.target(4)})
			if err != nil {
				t.Fatal(err)
			}
			s.ids = append(s.ids, ids...)
			waiting := s.list("new")

			path := filepath.Join(t.TempDir(), "mtr-packet")
			if c.broken != "" {
				path = script(t, c.broken)
			}
			if err := s.runWith(path, once).wait(); !errors.Is(err, probe.ErrUnable) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("run --once: %v; want %v and words on %q", err, probe.ErrUnable, c.says)
			}
			if reps := s.reports(); len(reps) > 0 || !slices.Equal(s.list("new"), waiting) || len(s.list("cur")) > 0 {
				t.Errorf("%d reports, new/ holds %v, cur/ %v; want all as it was: %v", len(reps), s.list("new"), s.list("cur"), waiting)
			}
			l := s.runWith(path)
			await(t, "word of it", func() bool { return strings.Contains(s.state().Unable(), c.says) })
			await(t, "all but the batch in new/ again", func() bool { return len(s.list("new")) >= len(waiting)-1 })
			mended := script(t, "exec mtr-packet")
			if err := os.Rename(mended, path); err != nil {
				t.Fatal(err)
			}
			await(t, "all reports", func() bool { return len(s.reports()) == len(s.ids) })
			await(t, "word of that", func() bool { return s.state().Unable() == "" })
			l.drain()
			for id, rep := range s.settled() {
				if e := &rep.Evidence; e.Ended == report.EndedFailed || sent(rep) == 0 {
					t.Errorf("job %s ended %s with %d probes", id, e.Ended, sent(rep))
				}
			}
		})
	}
}

// TestNetworkFails takes the network away, before a trace and during one.
func TestNetworkFails(t *testing.T) {
	ip := func(t *testing.T, s *site, args ...string) {
		t.Helper()
		if out, err := s.net.Space().Command(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	flush := func(t *testing.T, s *site) { ip(t, s, "route", "flush", "table", "main") }
	down := func(t *testing.T, s *site) {
		t.Helper()
		out, err := s.net.Space().Command(t.Context(), "ip", "-o", "link", "show", "up").Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if name := strings.TrimSuffix(strings.Fields(line)[1], ":"); name != "lo" {
				ip(t, s, "link", "set", "down", "dev", name)
			}
		}
	}
	for _, c := range []struct {
		name string
		fail func(*testing.T, *site)
	}{{"no route", flush}, {"link down", down}} {
		t.Run(c.name+" before", func(t *testing.T) {
			t.Parallel()
			s := newSite(t, lab.Config{Targets: 1, Seed: 3})
			c.fail(t, s)
			id := s.submit(spool.Job{Target: s.target(0), Rounds: 3})
			s.run(once).done()
			if rep := s.settled()[id]; rep == nil || rep.Evidence.Target.State != report.NoRoute {
				t.Errorf("got %+v, want no-route", rep)
			}
		})
		t.Run(c.name+" during", func(t *testing.T) {
			t.Parallel()
			s := newSite(t, lab.Config{Targets: 1, Seed: 3})
			l := s.run()
			id := s.submit(spool.Job{Target: s.target(0), Rounds: 10000})
			await(t, "the long look", func() bool { return s.state().Jobs.LongLook == 1 })
			c.fail(t, s)
			_, before := s.events(id)
			await(t, "outcomes after it", func() bool { _, known := s.events(id); return known > before+20 })
			l.drain()
			rep := s.settled()[id]
			if rep == nil || rep.Evidence.Target.State != report.Reached || !strings.Contains(rep.Evidence.Ping.Answer, "n") {
				t.Errorf("got %+v, want a target that was reached until there was no route", rep)
			}
		})
	}
}

// noNames knows no name.
type noNames struct{}

func (noNames) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// silentNames are asked, and nobody answers.
type silentNames struct{ asked atomic.Int32 }

func (n *silentNames) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	n.asked.Add(1)
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestOneLookUpForAll: a name that does not resolve is looked up once for all
// who ask meanwhile, each of whom has its report, and anew for who asks later.
func TestOneLookUpForAll(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	var names silentNames
	for round := range 2 {
		var ids []ulid.ULID
		for range 8 {
			ids = append(ids, s.submit(spool.Job{Target: "nope.example.net"}))
		}
		// Of its own, and at the same time.
		ids = append(ids, s.submit(spool.Job{Target: "nope.example.net", NoCoalesce: true}))
		s.run(once, func(r *Runner) { r.Tracer.Resolver = &names }).done()
		if got, want := names.asked.Load(), int32(2*(round+1)); got != want {
			t.Errorf("round %d: looked up %d times, want %d", round, got, want)
		}
		for _, id := range ids {
			rep := s.settled()[id]
			if rep == nil || rep.Evidence.ID != id || rep.Evidence.Ended != report.EndedFailed || rep.Evidence.Target.State != report.Unresolved {
				t.Errorf("job %s: got %+v, want failed, unresolved", id, rep)
			}
		}
	}
}

func TestNamesThatDoNotResolve(t *testing.T) {
	s := newSite(t, lab.Config{Targets: 1, Seed: 3})
	id := s.submit(spool.Job{Target: "nope.example.net"})
	s.run(once, func(r *Runner) { r.Tracer.Resolver = noNames{} }).done()
	rep := s.settled()[id]
	if rep == nil || rep.Evidence.Ended != report.EndedFailed || rep.Evidence.Target.State != report.Unresolved {
		t.Errorf("got %+v, want failed, unresolved", rep)
	}
}
