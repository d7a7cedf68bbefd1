package web

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := newLimiter(10, 5)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	take := func(who netip.Addr, n float64, wait time.Duration) {
		t.Helper()
		got, ok := l.take(who, n, now)
		if ok != (wait == 0) || got.Round(time.Millisecond) != wait {
			t.Fatalf("%s takes %g: wait %s, ok %t; want %s", who, n, got, ok, wait)
		}
	}
	take(a, 5, 0)
	take(a, 1, 100*time.Millisecond)
	take(b, 5, 0) // has his own
	now = now.Add(100 * time.Millisecond)
	take(a, 1, 0)
	take(a, 1, 100*time.Millisecond)
	now = now.Add(time.Hour)
	take(a, 100, 0) // more than the burst, once, and paid for
	take(a, 1, 9600*time.Millisecond)
	now = now.Add(-time.Hour) // the clock was set back
	take(a, 1, 9600*time.Millisecond)

	six := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	take(six("2001:db8:1:2::1"), 5, 0)
	take(six("2001:db8:1:2:ffff::1"), 1, 100*time.Millisecond) // the same /64
	take(six("2001:db8:1:3::1"), 5, 0)
	take(netip.Addr{}, 5, 0)
	take(netip.Addr{}, 1, 100*time.Millisecond) // all who are unknown are one
}

// TestLimiterForgets: what it remembers is bounded, and the clients seen
// last are those it remembers.
func TestLimiterForgets(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := newLimiter(1, 1)
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range 3 * maxClients {
		l.take(addr(i), 1, now)
	}
	if len(l.clients) != maxClients || l.order.Len() != maxClients {
		t.Fatalf("%d clients, %d in order; want %d", len(l.clients), l.order.Len(), maxClients)
	}
	if _, ok := l.take(addr(3*maxClients-1), 1, now); ok {
		t.Error("the last client is forgotten")
	}
	if _, ok := l.take(addr(0), 1, now); !ok {
		t.Error("the first client is remembered")
	}
}

func TestRate(t *testing.T) {
	now := time.Now()
	n := newNode(t, func(s *Server) {
		s.Now = func() time.Time { return now }
		s.Limits = Limits{Rate: 0.5, Burst: 3}
	})
	ask := func() answer { return n.get("/api/mtr?ip=203.0.113.7") }
	n.do("POST", "/api/v1/jobs", `{"jobs":[{"target":"203.0.113.7"},{"target":"203.0.113.8"}]}`, "Content-Type: application/json").want(t, 202)
	ask().want(t, 202)
	a := ask()
	a.want(t, 429, codeRate)
	if got := a.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q, want 2", got)
	}
	n.get("/").want(t, 200) // reading is not asking
	now = now.Add(2 * time.Second)
	ask().want(t, 202)
	if got := len(n.claims()); got != 4 {
		t.Errorf("%d jobs in the spool, want 4", got)
	}
	n.get("/metrics").want(t, 200, "mtrq_jobs_accepted_total 4\n", `mtrq_jobs_refused_total{reason="too-many-jobs"} 1`)
}

// TestBusy: when the disk is slower than those who ask, the last are
// told so at once and leave nothing.
func TestBusy(t *testing.T) {
	n := newNode(t)
	s := newSite(n.Server)
	s.writing, s.large = make(chan struct{}), make(chan struct{}) // nobody more fits
	n.http.Config.Handler = s.handler()
	a := n.get("/api/mtr?ip=203.0.113.7")
	a.want(t, 503, codeBusy)
	if a.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	long := strings.Repeat(fmt.Sprintf("# %0100d\n", 7), 1000)
	n.do("POST", "/api/mtr", long, "Content-Type: text/plain").want(t, 503, codeBusy, "long lists")
	if got := len(n.claims()); got != 0 {
		t.Errorf("%d jobs in the spool", got)
	}
}
