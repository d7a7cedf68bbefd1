package archive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

func hitIDs(t testing.TB, a *Archive, q HopQuery) ([]ulid.ULID, Found) {
	t.Helper()
	out := []ulid.ULID{}
	found, err := a.FindHops(t.Context(), q, func(h HopHit) error {
		out = append(out, h.Entry.ID)
		for _, x := range h.Hops {
			if x.TTL < 0 || x.Sent < x.Lost || !q.Hop(x.Addr) {
				t.Errorf("%s: hop %+v", h.Entry.ID, x)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, found
}

// TestFindHops: reports over several days, by a router, the target and the
// index; each once, the newest first.
func TestFindHops(t *testing.T) {
	w := newWriter(t, t.TempDir(), "Asia/Hong_Kong")
	at := zoned(t, "Asia/Hong_Kong", "2026-11-20T23:00:00+08:00")
	var all []ulid.ULID
	for i := range 12 {
		r := makeReport(t, at.Add(time.Duration(i)*5*time.Hour), uint64(i), fmt.Sprintf("203.0.113.%d", 1+i%3))
		all = append(all, r.Evidence.ID)
		if i == 4 { // joined by another request
			r.Evidence.Requests = append(r.Evidence.Requests, report.Request{ID: makeID(t, at.Add(21*time.Hour), 99), Accepted: at.Add(21 * time.Hour), Source: "http"})
		}
		write(t, w, r)
	}
	write(t, w, makeReport(t, at, 50, "edge.example.net")) // did not resolve: no hops
	slices.Reverse(all)
	router, second := netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("203.0.113.2")
	is := func(want netip.Addr) func(netip.Addr) bool { return func(a netip.Addr) bool { return a == want } }

	got, found := hitIDs(t, w.Archive, HopQuery{Hop: is(router)})
	got = slices.DeleteFunc(got, func(id ulid.ULID) bool { return id == makeID(t, at.Add(21*time.Hour), 99) })
	if len(got) < 11 || found.Read != 12 || found.Unreadable != 0 {
		t.Errorf("a router on every path: %d hits, %+v", len(got), found)
	}
	if !slices.IsSortedFunc(got, func(a, b ulid.ULID) int { return b.Compare(a) }) {
		t.Error("not the newest first")
	}
	// Others are told by their line of addresses, without decoding.
	if got, found := hitIDs(t, w.Archive, HopQuery{Hop: is(second)}); len(got) != 4 || found.Read != 4 {
		t.Errorf("one of three targets: %d hits, %+v", len(got), found)
	}
	if got, found := hitIDs(t, w.Archive, HopQuery{Hop: is(netip.MustParseAddr("192.0.2.1"))}); len(got) != 0 || found.Read != 0 {
		t.Errorf("nobody: %d hits, %+v", len(got), found)
	}
	if got, _ := hitIDs(t, w.Archive, HopQuery{Hop: netip.MustParsePrefix("198.18.0.0/15").Contains, Filter: Filter{From: at.Add(40 * time.Hour)}}); !slices.Equal(got, all[:4]) {
		t.Errorf("since: %v, want %v", got, all[:4])
	}
	if got, _ := hitIDs(t, w.Archive, HopQuery{Hop: is(router), Limit: 2}); !slices.Equal(got, all[:2]) {
		t.Errorf("limit: %v", got)
	}
	if got, found := hitIDs(t, w.Archive, HopQuery{Filter: Filter{Target: "203.0.113.1"}}); len(got) != 4 || found.Read != 0 {
		t.Errorf("without a hop: %d hits, %+v", len(got), found)
	}

	// A damaged report is counted, and hides none.
	e, err := w.Find(all[3].String())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(w.Path(e)+".json", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.Path(e)+".json", []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, found := hitIDs(t, w.Archive, HopQuery{Hop: is(router)}); found.Unreadable != 1 {
		t.Errorf("a damaged one: %+v", found)
	}
	enough := errors.New("enough")
	if _, err := w.FindHops(t.Context(), HopQuery{}, func(HopHit) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the caller's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.FindHops(ctx, HopQuery{Hop: is(router)}, func(HopHit) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestAddressesOf: the short way says the same as decoding, or that it cannot.
func TestAddressesOf(t *testing.T) {
	r := makeReport(t, zoned(t, "Asia/Hong_Kong", "2026-11-20T23:00:00+08:00"), 1, "203.0.113.1")
	got, ok := addressesOf(mustEncode(t, r))
	if !ok || !slices.Equal(got, r.Evidence.Addresses) {
		t.Errorf("got %v, %v, want %v", got, ok, r.Evidence.Addresses)
	}
	for _, bad := range []string{"", "{}", "\n    \"addresses\": [\n", "\n    \"addresses\": [\"nonsense\"],\n"} {
		if _, ok := addressesOf([]byte(bad)); ok {
			t.Errorf("%q passes", bad)
		}
	}
}

// TestEvidence gathers what a ticket wants from an archive of two nodes.
func TestEvidence(t *testing.T) {
	w := newWriter(t, t.TempDir(), "Asia/Hong_Kong")
	at := zoned(t, "Asia/Hong_Kong", "2026-11-23T14:05:00+08:00")
	here, there := netip.MustParseAddr("198.51.100.20"), netip.MustParseAddr("203.0.113.7")
	make1 := func(after time.Duration, n uint64, edit func(*report.Evidence)) *report.Report {
		r := makeReport(t, at.Add(after), n, there.String())
		r.Evidence.Node.Address = here
		if edit != nil {
			edit(&r.Evidence)
		}
		write(t, w, r)
		return r
	}
	clean := func(e *report.Evidence) { e.Verdict.Class = report.Clean }
	main := make1(0, 1, nil)
	older := make1(-20*time.Hour, 2, clean)
	before := make1(-2*time.Hour, 3, clean)
	make1(-time.Hour, 4, nil) // lossy: no baseline
	after := make1(30*time.Minute, 5, clean)
	make1(3*time.Hour, 6, clean)
	make1(-48*time.Hour, 7, clean) // too old
	tcp := make1(3*time.Minute, 8, func(e *report.Evidence) { e.Target.Protocol, e.Target.Port = "tcp", 443 })
	make1(5*time.Minute, 9, func(e *report.Evidence) { e.Target.Protocol, e.Target.Port = "tcp", 443 })
	back := makeReport(t, at.Add(time.Minute), 10, here.String())
	back.Evidence.Node.Name, back.Evidence.Node.Address = "gz2", there
	stranger := makeReport(t, at.Add(10*time.Second), 11, here.String()) // from elsewhere
	stranger.Evidence.Node.Name, stranger.Evidence.Node.Address = "de1", netip.MustParseAddr("192.0.2.9")
	write(t, w, back, stranger)
	inc := makeIncident(t, at, 12, there.String())
	inc.Members[0].Reports = []ulid.ULID{main.Evidence.ID}
	other := makeIncident(t, at.Add(time.Second), 13, there.String())
	writeIncidents(t, w, inc, other)

	id := func(r *report.Report) string {
		if r == nil {
			return "none"
		}
		return r.Evidence.ID.String()
	}
	for name, in := range map[string]report.TicketInput{"report": w.Evidence(main, nil), "incident": w.Evidence(nil, inc)} {
		if id(in.Report) != id(main) || in.Incident == nil || in.Incident.ID != inc.ID || len(in.Reports) != 1 {
			t.Errorf("%s: report %s, incident %v, %d reports", name, id(in.Report), in.Incident != nil, len(in.Reports))
		}
		if id(in.Before) != id(before) || id(in.After) != id(after) {
			t.Errorf("%s: before %s, want %s (not %s); after %s, want %s", name, id(in.Before), id(before), id(older), id(in.After), id(after))
		}
		if len(in.Others) != 1 || id(in.Others[0]) != id(tcp) {
			t.Errorf("%s: %d others", name, len(in.Others))
		}
		if id(in.Reverse) != id(back) {
			t.Errorf("%s: reverse %s, want %s", name, id(in.Reverse), id(back))
		}
	}
	// Of an open one that is traced now: what ended meanwhile counts once.
	now := makeReport(t, at.Add(time.Second), 14, there.String())
	now.Evidence.Ended = report.EndedRunning
	if in := w.Evidence(nil, inc, now, main); len(in.Reports) != 2 {
		t.Errorf("one archived and one that runs: %d reports, want 2", len(in.Reports))
	}
	untraced := makeIncident(t, at, 15, there.String())
	untraced.Members[0].Reports = []ulid.ULID{now.Evidence.ID}
	if in := w.Evidence(nil, untraced, now); id(in.Report) != id(now) || len(in.Reports) != 1 {
		t.Errorf("one that runs: report %s of %d, want %s", id(in.Report), len(in.Reports), id(now))
	}
	// Over IPv6, though the other end has a trace back over IPv4.
	six := makeReport(t, at.Add(2*time.Second), 16, "2001:db8:7::7")
	six.Evidence.Node.Address = here
	four := makeReport(t, at.Add(3*time.Second), 17, here.String())
	four.Evidence.Node.Name, four.Evidence.Node.Address, four.Evidence.Node.Source = "gz6", there, six.Evidence.Target.Address
	write(t, w, six, four)
	if in := w.Evidence(six, nil); in.Reverse != nil {
		t.Errorf("a trace over IPv4 (%s) is the way back of one over IPv6", id(in.Reverse))
	}
	// Alone in the archive, or with nothing that was traced.
	lone := makeReport(t, at, 20, "edge.example.net")
	if in := w.Evidence(lone, nil); in.Incident != nil || in.Before != nil || in.Reverse != nil || len(in.Others) > 0 {
		t.Errorf("a name that did not resolve: %+v", in)
	}
	bare := makeIncident(t, at, 21, "192.0.2.77")
	if in := w.Evidence(nil, bare); in.Report != nil || in.Incident != bare {
		t.Errorf("an incident without traces: %+v", in)
	}
}

// BenchmarkFindHops: a thousand reports, of which one in a hundred has the
// router.
func BenchmarkFindHops(b *testing.B) {
	w := newWriter(b, b.TempDir(), "UTC")
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		write(b, w, makeReport(b, at.Add(time.Duration(i)*time.Minute), r.Uint64(), fmt.Sprintf("203.0.113.%d", i%100)))
	}
	want := netip.MustParseAddr("203.0.113.7")
	for b.Loop() {
		n := 0
		if _, err := w.FindHops(b.Context(), HopQuery{Hop: func(a netip.Addr) bool { return a == want }}, func(HopHit) error { n++; return nil }); err != nil || n != 10 {
			b.Fatal(n, err)
		}
	}
}
