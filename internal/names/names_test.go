package names

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/internal/names/mmdbtest"
	"github.com/mtrq/mtrq/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	a5 = netip.MustParseAddr("198.18.0.5")
	b7 = netip.MustParseAddr("203.0.113.7")
	v6 = netip.MustParseAddr("2001:db8::7")
)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC)} }
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}
func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func lacks(n report.Names, kind report.LackKind) bool {
	for _, l := range n.Missing {
		if l.Kind == kind {
			return true
		}
	}
	return false
}

// TestDatabase walks the states of the package's table.
func TestDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "asn.mmdb")
	c := newClock()
	b := New(Options{Database: path, Now: c.now})
	look := func() report.Names {
		c.pass(2 * lookAgain)
		return b.Look(t.Context(), []netip.Addr{a5, b7, v6})
	}
	if n := look(); !lacks(n, report.LackRead) || len(n.Of) != 0 {
		t.Errorf("no file: %+v", n)
	}
	first := mmdbtest.Build(
		mmdbtest.ASN("198.18.0.0/16", 64500, "Example \x1b[31mNetworks"),
		mmdbtest.Network{Prefix: netip.MustParsePrefix("2001:db8::/32"), Record: map[string]any{"asn": "AS64502", "name": "Six"}},
	)
	write(t, path, first)
	n := look()
	if n.Of[a5].AS != 64500 || n.Of[a5].Org != "Example  [31mNetworks" || n.Of[v6].AS != 64502 || n.Of[v6].Org != "Six" || n.Of[b7].AS != 0 || lacks(n, report.LackRead) {
		t.Fatalf("first file: %+v", n)
	}
	for name, data := range map[string][]byte{
		"empty": {}, "words": []byte("this is no MMDB file"), "truncated": first[:len(first)/2], "without metadata": first[:len(first)-40],
	} {
		write(t, path, data)
		if n := look(); n.Of[a5].AS != 64500 || !lacks(n, report.LackRead) {
			t.Errorf("%s: the last good file must go on, and the fault be said: %+v", name, n)
		}
		if b.Check() == nil {
			t.Errorf("%s: Check finds nothing", name)
		}
	}
	write(t, path, mmdbtest.Build(mmdbtest.ASN("203.0.113.0/24", 64501, "Other")))
	if n := look(); n.Of[a5].AS != 0 || n.Of[b7].AS != 64501 || lacks(n, report.LackRead) {
		t.Errorf("replaced: %+v", n)
	}
	if err := os.Truncate(path, 100); err != nil { // in place, while it is in use
		t.Fatal(err)
	}
	if n := look(); n.Of[b7].AS != 64501 || !lacks(n, report.LackRead) {
		t.Errorf("truncated in place: %+v", n)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if n := look(); n.Of[b7].AS != 64501 || !lacks(n, report.LackRead) {
		t.Errorf("removed: %+v", n)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if n := look(); n.Of[b7].AS != 64501 || !lacks(n, report.LackRead) {
		t.Errorf("a directory: %+v", n)
	}
	if n := New(Options{}).Look(t.Context(), []netip.Addr{a5}); !lacks(n, report.LackDatabase) || !lacks(n, report.LackNoDNS) {
		t.Errorf("nothing configured: %+v", n)
	}
}

// TestDamaged: whatever a file holds, a look neither panics nor hangs.
func TestDamaged(t *testing.T) {
	good := mmdbtest.Build(mmdbtest.ASN("198.18.0.0/16", 64500, "Example"), mmdbtest.ASN("203.0.113.0/24", 64501, "Other"))
	path := filepath.Join(t.TempDir(), "asn.mmdb")
	r := rand.New(rand.NewPCG(7, 7))
	for i := range 2000 {
		bad := append([]byte(nil), good...)
		for range 1 + r.IntN(8) {
			bad[r.IntN(len(bad))] = byte(r.IntN(256))
		}
		if i%5 == 0 {
			bad = bad[:r.IntN(len(bad))]
		}
		write(t, path, bad)
		b := New(Options{Database: path})
		for x := range b.Look(t.Context(), []netip.Addr{a5, b7, v6}).Of {
			if !x.IsValid() {
				t.Fatal("an address that nobody asked for")
			}
		}
	}
}

// fakeDNS answers by address; of what it does not know there is no answer in
// time, as a resolver says it, or, with hang, none at all.
type fakeDNS struct {
	mu    sync.Mutex
	names map[string]string
	asked int
	hang  bool
}

func (f *fakeDNS) LookupAddr(ctx context.Context, addr string) ([]string, error) {
	f.mu.Lock()
	f.asked++
	name, ok := f.names[addr]
	f.mu.Unlock()
	switch {
	case !ok && f.hang:
		<-ctx.Done()
		return nil, ctx.Err()
	case !ok:
		return nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	case name == "":
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return []string{name}, nil
}

func TestReverse(t *testing.T) {
	dns := &fakeDNS{names: map[string]string{a5.String(): "core1.example.net.", v6.String(): ""}}
	c := newClock()
	b := New(Options{Resolver: dns, Timeout: time.Minute, Now: c.now})
	n := b.Look(t.Context(), []netip.Addr{a5, a5, v6})
	if n.Of[a5].Name != "core1.example.net" || n.Of[v6].Name != "" || lacks(n, report.LackDNS) || dns.asked != 2 {
		t.Fatalf("%+v, asked %d times", n, dns.asked)
	}
	b.Look(t.Context(), []netip.Addr{a5, v6})
	if dns.asked != 2 {
		t.Errorf("asked %d times: what is known is asked again", dns.asked)
	}
	if n := b.Look(t.Context(), []netip.Addr{a5, b7}); n.Of[a5].Name == "" || !lacks(n, report.LackDNS) {
		t.Errorf("one without an answer: %+v", n)
	}
	if n := b.Look(t.Context(), []netip.Addr{b7}); !lacks(n, report.LackDNS) || dns.asked != 3 {
		t.Errorf("silence is asked again at once, or not said: %+v, asked %d times", n, dns.asked)
	}
	c.pass(2 * dnsKnown)
	dns.mu.Lock()
	dns.names[a5.String()] = "new.example.net."
	dns.mu.Unlock()
	if n := b.Look(t.Context(), []netip.Addr{a5}); n.Of[a5].Name != "new.example.net" {
		t.Errorf("an old name is believed for ever: %+v", n)
	}
	// One that never answers holds nobody up.
	slow := New(Options{Resolver: &fakeDNS{hang: true}, Timeout: 20 * time.Millisecond})
	if n := slow.Look(t.Context(), []netip.Addr{a5, b7}); len(n.Of) != 0 || !lacks(n, report.LackDNS) {
		t.Errorf("no answer at all: %+v", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	many := make([]netip.Addr, 200)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
	}
	if n := b.Look(ctx, many); !lacks(n, report.LackDNS) {
		t.Error("nothing was asked, and nothing said of it")
	}
}

func TestHostName(t *testing.T) {
	for in, want := range map[string]string{
		"core1.example.net.": "core1.example.net", "a_b-c.example": "a_b-c.example", "": "", ".": "", "203.0.113.7.": "", "2001:db8::1": "",
		"evil\x1b[31m.example": "", "<b>.example": "", "a b": "", "ü.example": "", strings.Repeat("a", 254): "",
	} {
		if got := hostName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestReal asks the resolver of Go itself, in the way that commands do.
func TestReal(t *testing.T) {
	b := New(Options{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no network here")
	}}, Timeout: time.Second})
	if n := b.Look(t.Context(), []netip.Addr{b7}); n.Of[b7].Name != "" {
		t.Errorf("%+v", n)
	}
}
