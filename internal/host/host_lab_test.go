package host

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

func TestMain(m *testing.M) { os.Exit(lab.TestMain(m)) }

// patience bounds waits; nothing is judged by it.
const patience = time.Minute

func startChain(t testing.TB, programs ...string) (*lab.Chain, *Reader) {
	t.Helper()
	lab.Need(t, programs...)
	c, err := lab.StartChain(lab.ChainConfig{Routers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c, &Reader{Do: c.Space().Do}
}

// ip runs ip(8) inside.
func ip(t *testing.T, c *lab.Chain, stdin string, args ...string) {
	t.Helper()
	cmd := c.Space().Command(t.Context(), "ip", args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v: %s", args, err, out)
	}
}

// until looks again and again, and gives up loudly.
func until(t *testing.T, what string, look func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !look(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func linkOf(s *report.HostState, name string) *report.HostLink {
	for i := range s.Links {
		if s.Links[i].Name == name {
			return &s.Links[i]
		}
	}
	return nil
}

// TestSnapshotInside reads the namespace's state, not that of this process.
func TestSnapshotInside(t *testing.T) {
	c, r := startChain(t)
	r.Now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	s := r.Snapshot()
	if !s.At.Equal(r.Now()) {
		t.Errorf("at %s", s.At)
	}
	var names []string
	for _, l := range s.Links {
		names = append(names, l.Name)
	}
	if !slices.Contains(names, "lo") || !slices.Contains(names, "down") || slices.Contains(names, "eth0") {
		t.Errorf("links %v, want lo and down, and none of this process's", names)
	}
	l := linkOf(s, "down")
	if l == nil {
		t.Fatal("no link down")
	}
	// The veth driver says 10 Gbit/s, whatever that means for it.
	if !l.Up || l.Carrier == nil || !*l.Carrier || l.MTU != 1500 || l.Flaps == nil || l.SpeedMbps == nil || *l.SpeedMbps != 10000 {
		t.Errorf("link %+v", l)
	}
	want := []string{
		fmt.Sprintf("default via %s dev down", c.Addr4(1)),
		fmt.Sprintf("default via %s dev down metric 1024", c.Addr6(1)),
	}
	if d := cmp.Diff(want, s.Routes); d != "" {
		t.Errorf("routes -want +got\n%s", d)
	}
	// The lab has pinged both gateways, so the kernel knows them.
	if len(s.Neighbours) != 2 || !strings.HasPrefix(s.Neighbours[0], c.Addr4(1).String()+" dev down lladdr ") || !strings.HasPrefix(s.Neighbours[1], c.Addr6(1).String()+" dev down lladdr ") {
		t.Errorf("neighbours %q", s.Neighbours)
	}
	if s.Clock.ErrorUS == nil || s.Load1 == nil || s.CPUs == nil || *s.CPUs < 1 {
		t.Errorf("clock %+v, load %v on %v processors", s.Clock, s.Load1, s.CPUs)
	}
}

func TestGateways(t *testing.T) {
	c, r := startChain(t, "ip")
	want := []netip.Addr{c.Addr4(1), c.Addr6(1)}
	if d := cmp.Diff(want, r.Gateways(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Fatalf("-want +got\n%s", d)
	}
	// The kernel's order is that of the tables; ours is that of preference. Link-local ones cannot be probed.
	ip(t, c, "", "route", "add", "default", "metric", "300",
		"nexthop", "via", "192.0.2.251", "weight", "1", "nexthop", "via", "192.0.2.252", "weight", "2")
	ip(t, c, "", "route", "add", "default", "via", "192.0.2.253", "metric", "200")
	ip(t, c, "", "route", "add", "default", "via", "192.0.2.254", "metric", "400") // the first once more
	ip(t, c, "", "route", "add", "198.51.100.0/24", "via", "192.0.2.250")          // no default
	ip(t, c, "", "route", "add", "default", "via", "192.0.2.249", "table", "77")   // not the main table
	ip(t, c, "", "-6", "route", "add", "default", "via", "fe80::1", "dev", "down", "metric", "50")
	ip(t, c, "", "-6", "route", "add", "unreachable", "default", "metric", "4000")
	var got []string
	for _, a := range r.Gateways() {
		got = append(got, a.String())
	}
	if d := cmp.Diff([]string{"192.0.2.254", "192.0.2.253", "192.0.2.251", "192.0.2.252", c.Addr6(1).String()}, got); d != "" {
		t.Errorf("gateways -want +got\n%s", d)
	}
	wantRoutes := []string{
		"default via 192.0.2.254 dev down", "default via 192.0.2.253 dev down metric 200",
		"default via 192.0.2.251 dev down metric 300", "default via 192.0.2.252 dev down metric 300",
		"default via 192.0.2.254 dev down metric 400",
		"default via fe80::1 dev down metric 50",
		fmt.Sprintf("default via %s dev down metric 1024", c.Addr6(1)),
		"unreachable default dev lo metric 4000",
	}
	if d := cmp.Diff(wantRoutes, r.Snapshot().Routes); d != "" {
		t.Errorf("routes -want +got\n%s", d)
	}
}

// TestNextHopOfTheOtherFamily is a default route of IPv4 through an IPv6
// neighbour (RFC 5549).
func TestNextHopOfTheOtherFamily(t *testing.T) {
	c, r := startChain(t, "ip")
	ip(t, c, "", "-4", "route", "replace", "default", "via", "inet6", c.Addr6(1).String(), "dev", "down")
	if got := r.Gateways(); !slices.Equal(got, []netip.Addr{c.Addr6(1)}) {
		t.Errorf("gateways %v, want %s once", got, c.Addr6(1))
	}
}

// TestManyRoutes is a router whose tables are longer than what is read.
func TestManyRoutes(t *testing.T) {
	c, _ := startChain(t, "ip")
	var batch strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&batch, "route add 198.18.%d.%d/32 via %s\n", i/250, i%250, c.Addr4(1))
		fmt.Fprintf(&batch, "route add 2001:db8:f::%x/128 via %s\n", i+1, c.Addr6(1))
	}
	ip(t, c, batch.String(), "-batch", "-")
	for _, limit := range []int{1, dumpBytes} {
		var got []string
		err := c.Space().Do(func() error {
			rs, err := readRoutes(limit)
			for _, r := range rs {
				got = append(got, r.via.String())
			}
			return err
		})
		if err != nil || !slices.Equal(got, []string{c.Addr4(1).String(), c.Addr6(1).String()}) {
			t.Errorf("limit %d: next hops %v, %v", limit, got, err)
		}
	}
	err := c.Space().Do(func() error {
		read := 0
		whole, err := query(unix.RTM_GETROUTE, unix.NLM_F_DUMP, rtMsg(unix.AF_INET6, unix.RT_TABLE_MAIN), 1,
			func(message) error { read++; return nil })
		if whole || read == 0 || read > 1000 {
			t.Errorf("whole %t, %d routes: the limit does not hold", whole, read)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestLinkTakenDown is what an operator reads after somebody took the link
// down.
func TestLinkTakenDown(t *testing.T) {
	c, r := startChain(t)
	before := r.Snapshot()
	if got := networkChanges(before, r.Snapshot()); len(got) > 0 {
		t.Errorf("nothing happened, but: %q", got)
	}
	if err := c.LinkDown(0, true); err != nil {
		t.Fatal(err)
	}
	after := r.Snapshot()
	for _, want := range []string{
		"down was taken down",
		fmt.Sprintf("default route gone: %s dev down", c.Addr4(1)),
		fmt.Sprintf("default route gone: %s dev down metric 1024", c.Addr6(1)),
	} {
		if got := networkChanges(before, after); !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if l := linkOf(after, "down"); l.Up || l.Carrier != nil {
		t.Errorf("link %+v, want it down, and its carrier unknown", l)
	}
	if got := r.Gateways(); len(got) > 0 {
		t.Errorf("gateways %v without a link", got)
	}
	if err := c.LinkDown(0, false); err != nil {
		t.Fatal(err)
	}
	if got := networkChanges(after, r.Snapshot()); !slices.Contains(got, "down was brought up") {
		t.Errorf("changes %q", got)
	}
	// Afterwards only the counters tell, of packets too that were on the way.
	got := networkChanges(before, r.Snapshot())
	if len(got) == 0 || !strings.HasPrefix(got[0], "down: carrier changed ") {
		t.Errorf("changes over all of it %q, want that its carrier changed", got)
	}
	for _, g := range got {
		if !strings.HasPrefix(g, "down: ") {
			t.Errorf("changes over all of it: %q", g)
		}
	}
}

// networkChanges leaves out the load of the machine that the tests run on.
func networkChanges(before, after *report.HostState) []string {
	b, a := *before, *after
	for _, s := range []*report.HostState{&b, &a} {
		s.Load1, s.CPUStall, s.Drops = nil, nil, nil
	}
	return Changes(&b, &a)
}

// TestFarEndDown is a cable that was pulled out at the other end.
func TestFarEndDown(t *testing.T) {
	c, r := startChain(t, "ip")
	before := r.Snapshot()
	cmd := c.Router(1).Command(t.Context(), "ip", "link", "set", "dev", "up", "down")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var after *report.HostState
	until(t, "carrier lost", func() bool {
		after = r.Snapshot()
		l := linkOf(after, "down")
		return l.Carrier != nil && !*l.Carrier && strings.HasSuffix(after.Routes[0], "linkdown")
	})
	got := networkChanges(before, after)
	for _, want := range []string{
		"down lost its carrier",
		fmt.Sprintf("default route changed from %s dev down to %[1]s dev down linkdown", c.Addr4(1)),
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

// TestGatewayThatDied does not answer ARP any more.
func TestGatewayThatDied(t *testing.T) {
	c, r := startChain(t, "ip")
	before := r.Snapshot()
	ip(t, c, "", "route", "replace", "default", "via", "192.0.2.99")
	ip(t, c, "", "neigh", "replace", "192.0.2.99", "dev", "down", "lladdr", "02:00:00:00:00:63", "nud", "reachable")
	well := r.Snapshot()
	if got := networkChanges(before, well); !slices.Equal(got, []string{fmt.Sprintf("default route changed from %s dev down to 192.0.2.99 dev down", c.Addr4(1))}) {
		t.Errorf("changes %q", got)
	}
	ip(t, c, "", "neigh", "replace", "192.0.2.99", "dev", "down", "lladdr", "02:00:00:00:00:64", "nud", "reachable")
	if got := networkChanges(well, r.Snapshot()); !slices.Equal(got, []string{"neighbour 192.0.2.99 is another machine: lladdr changed from 02:00:00:00:00:63 to 02:00:00:00:00:64"}) {
		t.Errorf("changes %q", got)
	}
	ip(t, c, "", "neigh", "del", "192.0.2.99", "dev", "down")
	send := func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{203, 0, 113, 7}})
	}
	if err := c.Space().Do(send); err != nil {
		t.Fatal(err)
	}
	// INCOMPLETE while it is asked for, three seconds, then FAILED.
	until(t, "gateway failed", func() bool {
		got := networkChanges(well, r.Snapshot())
		return slices.Contains(got, "neighbour 192.0.2.99 now INCOMPLETE") || slices.Contains(got, "neighbour 192.0.2.99 now FAILED")
	})
}

// TestCountersInside raises a counter inside and sees it there, and only
// there.
func TestCountersInside(t *testing.T) {
	c, r := startChain(t)
	other := &Reader{Do: c.Router(1).Do}
	before, beside := r.Snapshot(), other.Snapshot()
	full := func() error {
		in, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(in)
		at := &unix.SockaddrInet4{Port: 4242, Addr: [4]byte{127, 0, 0, 1}}
		if err := unix.SetsockoptInt(in, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
			return err
		}
		if err := unix.Bind(in, at); err != nil {
			return err
		}
		for range 200 { // nobody reads
			if err := unix.Sendto(in, make([]byte, 1000), 0, at); err != nil {
				return err
			}
		}
		return nil
	}
	if err := c.Space().Do(full); err != nil {
		t.Fatal(err)
	}
	grew := func(b, a *report.HostState) bool {
		return slices.ContainsFunc(Changes(b, a), func(s string) bool { return strings.HasPrefix(s, "Udp RcvbufErrors grew by ") })
	}
	if !grew(before, r.Snapshot()) {
		t.Error("full buffers inside are not seen")
	}
	if grew(beside, other.Snapshot()) {
		t.Error("full buffers inside are seen in another namespace")
	}
}

// TestEmptySpace has a namespace that knows no routes, and one that is gone.
func TestEmptySpace(t *testing.T) {
	c, r := startChain(t, "ip")
	ip(t, c, "", "route", "flush", "table", "main")
	ip(t, c, "", "-6", "route", "flush", "table", "main")
	s := r.Snapshot()
	if s.Routes == nil || len(s.Routes) > 0 || s.Neighbours == nil || len(s.Neighbours) > 0 || len(r.Gateways()) > 0 {
		t.Errorf("routes %#v, neighbours %#v, want none, but known", s.Routes, s.Neighbours)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	s = r.Snapshot()
	if s.Links != nil || s.Routes != nil || s.Neighbours != nil || s.Drops != nil || len(r.Gateways()) > 0 {
		t.Errorf("of a namespace that is gone: %+v", s)
	}
	if s.Load1 == nil {
		t.Error("the machine's load is absent too")
	}
}

// TestManyLinks keeps the one that matters of more than a snapshot holds.
func TestManyLinks(t *testing.T) {
	c, r := startChain(t, "ip")
	var batch strings.Builder
	for i := range maxLinks + 10 {
		fmt.Fprintf(&batch, "link add b%d type bridge\n", i)
	}
	fmt.Fprintln(&batch, "link set b73 up\naddr add 198.51.100.1/24 dev b73\nroute add default via 198.51.100.2 metric 9")
	ip(t, c, batch.String(), "-batch", "-")
	s := r.Snapshot()
	if len(s.Links) != maxLinks || linkOf(s, "b73") == nil || linkOf(s, "down") == nil || linkOf(s, "b70") != nil {
		t.Errorf("%d links, b73 %v, down %v", len(s.Links), linkOf(s, "b73"), linkOf(s, "down"))
	}
}

func BenchmarkSnapshot(b *testing.B) {
	_, r := startChain(b)
	for b.Loop() {
		r.Snapshot()
	}
}
