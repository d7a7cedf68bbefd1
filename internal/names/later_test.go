package names

import (
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/names/dnstest"
	"github.com/mtrq/mtrq/internal/names/mmdbtest"
	"github.com/mtrq/mtrq/report"
)

// running is a Book at work that asks a DNS server on loopback.
func running(t *testing.T, c *clock) (*Book, *dnstest.Server) {
	t.Helper()
	dns, err := dnstest.New()
	if err != nil {
		t.Fatal(err)
	}
	b := New(Options{Resolver: ResolverAt(netip.MustParseAddrPort(dns.Addr())), Pace: time.Millisecond, Timeout: 300 * time.Millisecond, Now: c.now})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := dns.Close(); err != nil {
			t.Error(err)
		}
	})
	return b, dns
}

// idle waits until all that Later was given is looked up.
func idle(t *testing.T, b *Book) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		n := len(b.waiting)
		b.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d addresses still wait", n)
		}
	}
}

// TestLater: a name is there after it was looked up, stays while nobody
// answers, and goes when somebody says that there is none.
func TestLater(t *testing.T) {
	c := newClock()
	b, dns := running(t, c)
	dns.Set(a5, "core1.example.net")
	dns.Set(v6, "six.example.net")
	all := []netip.Addr{a5, b7, v6}
	if n := b.Known(all); len(n.Of) != 0 || !lacks(n, report.LackDNS) || dns.Asked() != 0 {
		t.Fatalf("before anybody asked: %+v, %d queries", n, dns.Asked())
	}
	before := b.Version()
	b.Later(all)
	b.Later(all)
	idle(t, b)
	n := b.Known(all)
	if n.Of[a5].Name != "core1.example.net" || n.Of[v6].Name != "six.example.net" || n.Of[b7].Name != "" || lacks(n, report.LackDNS) {
		t.Fatalf("looked up: %+v", n)
	}
	if dns.Asked() != 3 || b.Version() == before {
		t.Errorf("%d queries, want 3; version %d after %d", dns.Asked(), b.Version(), before)
	}
	before = b.Version()
	b.Later(all)
	idle(t, b)
	if dns.Asked() != 3 || b.Version() != before {
		t.Errorf("what is known is asked again, or is another version: %d queries", dns.Asked())
	}
	// Cut off: the name stays, and the page says that something is missing.
	dns.Mute(true)
	c.pass(2 * dnsKnown)
	if n := b.Known(all); n.Of[a5].Name == "" {
		t.Error("a name is forgotten by time alone")
	}
	b.Later(all)
	idle(t, b)
	if n := b.Known(all); n.Of[a5].Name != "core1.example.net" || !lacks(n, report.LackDNS) || b.Version() == before {
		t.Errorf("nobody answers: %+v", n)
	}
	silent := dns.Asked()
	b.Later(all)
	idle(t, b)
	if dns.Asked() != silent {
		t.Error("silence is asked again at once")
	}
	dns.Mute(false)
	dns.Set(b7, "seven.example.net")
	dns.Set(a5, "")
	c.pass(2 * dnsFailed)
	b.Later(all)
	idle(t, b)
	if n := b.Known(all); n.Of[a5].Name != "" || n.Of[b7].Name != "seven.example.net" {
		t.Errorf("back again: %+v", n)
	}
}

// TestLaterIsBounded: however much is asked for, what waits is bounded, and
// Run ends with its context though nobody answers.
func TestLaterIsBounded(t *testing.T) {
	b := New(Options{Resolver: &fakeDNS{hang: true}, Timeout: time.Hour})
	many := make([]netip.Addr, 5*dnsQueue)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
	}
	b.Later(many)
	if n := len(b.waiting); n != dnsQueue || len(b.later) != dnsQueue {
		t.Errorf("%d wait, want %d", n, dnsQueue)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { b.Run(ctx); close(ended) }()
	cancel()
	<-ended
	if len(b.cache) != 0 {
		t.Errorf("%d look-ups that were cut off are remembered as silence", len(b.cache))
	}
	none := New(Options{})
	none.Later(many)
	none.Run(t.Context()) // returns at once
	if len(none.waiting) != 0 {
		t.Error("without a resolver something waits")
	}
}

// TestHostileDNS: what a stranger's server answers comes out as a name of DNS
// or not at all.
func TestHostileDNS(t *testing.T) {
	b, dns := running(t, newClock())
	evil := []string{
		"<script>alert(1)</script>", "\x1b[2J\x1b]0;owned\x07", "a\x00b", "\u202egnp.exe", "203.0.113.99", "a b", "\"'><b>",
		strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + "." + strings.Repeat("d", 63) + "." + strings.Repeat("e", 63),
		"=1+1", "${x}", "..", strings.Repeat("x.", 140),
	}
	var all []netip.Addr
	for i, name := range evil {
		a := netip.AddrFrom4([4]byte{198, 18, 7, byte(i)})
		dns.Set(a, name)
		all = append(all, a)
	}
	dns.Set(a5, "good.example.net")
	all = append(all, a5)
	b.Later(all)
	idle(t, b)
	n := b.Known(all)
	if n.Of[a5].Name != "good.example.net" {
		t.Fatalf("%+v", n)
	}
	for a, x := range n.Of {
		if a != a5 && strings.ContainsFunc(x.Name, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_')
		}) || len(x.Name) > maxName {
			t.Errorf("%s is called %q", a, x.Name)
		}
	}
}

// TestVersionOfDatabase: it changes with the file and with its faults, and
// with nothing else.
func TestVersionOfDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "asn.mmdb")
	c := newClock()
	b := New(Options{Database: path, Now: c.now})
	last := b.Version()
	step := func(what string, change bool) {
		t.Helper()
		c.pass(2 * lookAgain)
		if v := b.Version(); (v != last) != change {
			t.Errorf("%s: version %d after %d", what, v, last)
		} else {
			last = v
		}
	}
	step("still absent", false)
	write(t, path, mmdbtest.Build(mmdbtest.ASN("198.18.0.0/16", 64500, "Example")))
	step("there", true)
	step("the same", false)
	write(t, path, []byte("this is no MMDB file"))
	step("damaged", true)
	step("still damaged", false)
	write(t, path, mmdbtest.Build(mmdbtest.ASN("198.18.0.0/16", 64501, "Other")))
	step("replaced", true)
	if n := b.Known([]netip.Addr{a5}); n.Of[a5].AS != 64501 || lacks(n, report.LackRead) {
		t.Errorf("%+v", n)
	}
}
