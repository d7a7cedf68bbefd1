package echo

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/internal/lab"
)

// longest turns a hang into a failure; nothing is judged by it.
const longest = 60 * time.Second

// leakFree fails a run of tests that leaves a goroutine behind: the package
// starts none.
type leakFree struct{ m *testing.M }

func (l leakFree) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) { os.Exit(lab.TestMain(leakFree{m})) }

func network(t testing.TB, cfg lab.Config) *lab.Net {
	t.Helper()
	lab.Need(t)
	n, err := lab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return n
}

// site is a Pinger in a network with all that it told, by tag.
type site struct {
	*Pinger[int]
	t   testing.TB
	got map[int][]Result[int]
}

func open(t testing.TB, n *lab.Net, opt Options) *site {
	t.Helper()
	opt.Do = n.Space().Do
	p, err := Open[int](opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if p.Raw() != opt.raw {
		t.Fatalf("raw sockets: %v, want %v", p.Raw(), opt.raw)
	}
	return &site{Pinger: p, t: t, got: map[int][]Result[int]{}}
}

func (s *site) told(r Result[int]) { s.got[r.Tag] = append(s.got[r.Tag], r) }

// pingAll sends to each address, some at a time, with its place as tag
// from the first on.
func (s *site) pingAll(first int, deadline time.Duration, to ...netip.Addr) {
	s.t.Helper()
	const turn = 50
	for at := 0; at < len(to); at += turn {
		var rs []Request[int]
		for i := at; i < min(at+turn, len(to)); i++ {
			rs = append(rs, Request[int]{Addr: to[i], Deadline: deadline, Tag: first + i})
		}
		s.Send(time.Now(), rs, s.told)
		s.Poll(time.Now(), s.told)
	}
}

// await polls until something is as wanted.
func (s *site) await(what string, ok func() bool) {
	s.t.Helper()
	beat := time.NewTicker(2 * time.Millisecond)
	defer beat.Stop()
	end := time.After(longest)
	for {
		s.Poll(time.Now(), s.told)
		if ok() {
			return
		}
		select {
		case <-beat.C:
		case <-end:
			s.t.Fatalf("waited %s in vain for %s; %d under way, %+v", longest, what, s.InFlight(), s.Stats())
		}
	}
}

// finish polls until every ping's outcome is told.
func (s *site) finish() {
	s.t.Helper()
	s.await("all outcomes", func() bool { return s.InFlight() == 0 })
}

// outcomes is what was told of a tag, in words.
func (s *site) outcomes(tag int) string {
	var b strings.Builder
	for i, r := range s.got[tag] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(r.Outcome.String())
	}
	return b.String()
}

// tally counts what was told of each tag.
func (s *site) tally() map[string]int {
	n := map[string]int{}
	for tag := range s.got {
		n[s.outcomes(tag)]++
	}
	return n
}

func (s *site) want(tag int, outcomes string) {
	s.t.Helper()
	if got := s.outcomes(tag); got != outcomes {
		s.t.Errorf("ping %d: told %q, want %q: %+v", tag, got, outcomes, s.got[tag])
	}
}

func addrs4(n *lab.Net) (out []netip.Addr) {
	for i := range n.Targets() {
		out = append(out, n.Target(i).Addr4)
	}
	return out
}

// truthOf is the record of each target's probe, the last if there are more.
func truthOf(n *lab.Net) map[netip.Addr]lab.Record {
	out := map[netip.Addr]lab.Record{}
	for r := range n.Truth().Records() {
		out[r.Dst] = r
	}
	return out
}

// whole checks that the lab dropped nothing of its own.
func whole(t testing.TB, n *lab.Net) {
	t.Helper()
	if o := n.Truth().Overload(); o != 0 {
		t.Errorf("the lab itself dropped %d probes", o)
	}
}

// both runs a test with datagram sockets and with raw ones.
func both(t *testing.T, f func(t *testing.T, opt Options)) {
	t.Run("datagram", func(t *testing.T) { f(t, Options{}) })
	t.Run("raw", func(t *testing.T) { f(t, Options{raw: true}) })
}
