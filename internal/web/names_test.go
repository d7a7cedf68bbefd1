package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/names"
	"github.com/mtrq/mtrq/internal/names/dnstest"
	"github.com/mtrq/mtrq/internal/names/mmdbtest"
	"github.com/mtrq/mtrq/report"
)

var (
	router1 = netip.MustParseAddr("198.18.0.1")
	seven   = netip.MustParseAddr("203.0.113.7")
)

// asFile puts an MMDB file in place of another.
func asFile(t *testing.T, path string, networks ...mmdbtest.Network) {
	t.Helper()
	if err := os.WriteFile(path+".new", mmdbtest.Build(networks...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// named is a node with a database of AS numbers and a DNS server on loopback,
// which is asked once start is called.
type named struct {
	*node
	book  *names.Book
	dns   *dnstest.Server
	path  string
	start func()

	mu  sync.Mutex
	now time.Time
}

func (n *named) pass(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = n.now.Add(d)
}

func newNamed(t *testing.T) *named {
	t.Helper()
	n := &named{path: filepath.Join(t.TempDir(), "asn.mmdb"), now: noon.Add(time.Hour)}
	var err error
	if n.dns, err = dnstest.New(); err != nil {
		t.Fatal(err)
	}
	r := names.ResolverAt(netip.MustParseAddrPort(n.dns.Addr()))
	clock := func() time.Time {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.now
	}
	n.book = names.New(names.Options{Database: n.path, Resolver: r, Pace: time.Millisecond, Timeout: 300 * time.Millisecond, Now: clock})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	n.start = func() { wg.Go(func() { n.book.Run(ctx) }) }
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := n.dns.Close(); err != nil {
			t.Error(err)
		}
	})
	n.node = newNode(t, func(s *Server) { s.Names, s.AS, s.Now = n.book, n.book.AS, clock })
	return n
}

// until waits for what Run looks up in the background.
func (n *named) until(what string, ok func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			n.t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func (n *named) called(a netip.Addr, name string) func() bool {
	return func() bool { return n.book.Known([]netip.Addr{a}).Of[a].Name == name }
}

// TestNamesOnReport: AS numbers are there at once, names when they are looked
// up, and what is missing is said. The tag of the page changes with what it
// says and with nothing else; the other forms never change.
func TestNamesOnReport(t *testing.T) {
	n := newNamed(t)
	asFile(t, n.path, mmdbtest.ASN("198.18.0.0/16", 64500, "Example <b>Networks\x1b[31m"), mmdbtest.ASN("2001:db8::/32", 64502, strings.Repeat("wide ", 40)))
	n.dns.Set(router1, "core1.example.net")
	n.dns.Set(seven, strings.Repeat("long-name.", 20)+"example.net")
	id := newID(noon)
	n.archived(sample(id, noon))
	place := "/2026/11/23/" + id.String()

	first := n.get(place, asBrowser)
	first.want(t, 200, "AS64500", "Example &lt;b&gt;Networks", "AS64502", "not looked up yet")
	if strings.Contains(first.body, "<b>Networks") || strings.Contains(first.body, "\x1b") || strings.Contains(first.body, strings.Repeat("wide ", 20)) {
		t.Error("the name of an AS is not escaped or not cut")
	}
	if strings.Contains(first.body, "core1") || first.Header.Get("Cache-Control") != cacheAsk {
		t.Errorf("a name before anybody asked, or cached as %q", first.Header.Get("Cache-Control"))
	}
	files := map[string]string{}
	for _, ext := range []string{".json", ".txt", ".svg"} {
		files[ext] = n.get(place + ext).Header.Get("Etag")
	}
	tag := first.Header.Get("Etag")
	if a := n.get(place, asBrowser, "If-None-Match: "+tag); a.StatusCode != 304 {
		t.Errorf("nothing has changed: %s", a.Status)
	}

	n.start()
	n.until("the name of the router", n.called(router1, "core1.example.net"))
	n.until("the target's", func() bool { return !strings.Contains(n.get(place, asBrowser).body, "not looked up yet") })
	second := n.get(place, asBrowser, "If-None-Match: "+tag)
	second.want(t, 200, ">core1.example.net<", "long-name.long-", "…", "those of today")
	full := strings.Repeat("long-name.", 20) + "example.net"
	if strings.Count(second.body, full) != 1 || !strings.Contains(second.body, `title="`+full) {
		t.Error("a long name stands elsewhere than in the title of the short one")
	}
	tag = second.Header.Get("Etag")
	if a := n.get(place, asBrowser, "If-None-Match: "+tag); a.StatusCode != 304 {
		t.Errorf("nothing has changed: %s", a.Status)
	}
	asked := n.dns.Asked()
	n.get(place, asBrowser)
	if n.dns.Asked() != asked {
		t.Error("a name that is known is asked for again")
	}

	// Another file: another page, without a restart.
	asFile(t, n.path, mmdbtest.ASN("198.18.0.0/16", 64511, "Other"))
	n.pass(2 * time.Second)
	third := n.get(place, asBrowser, "If-None-Match: "+tag)
	third.want(t, 200, "AS64511", "core1.example.net")
	if strings.Contains(third.body, "AS64500") {
		t.Error("the old file is still in use")
	}
	// A damaged one, and DNS away: the page stays, and says what is missing.
	if err := os.WriteFile(n.path, []byte("no MMDB"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.dns.Mute(true)
	n.pass(3 * time.Hour)
	n.get(place, asBrowser)
	n.until("the silence to be noticed", func() bool {
		return strings.Contains(n.get(place, asBrowser).body, "nobody answered")
	})
	fourth := n.get(place, asBrowser)
	fourth.want(t, 200, "AS64511", "core1.example.net", "cannot be read")
	if strings.Contains(fourth.body, n.path) {
		t.Error("the page tells strangers a path of this machine")
	}
	n.get(place, asBrowser, "Accept-Language: zh").want(t, 200, "无法读取", "无人应答", "AS64511")

	for ext, before := range files {
		if a := n.get(place + ext); a.Header.Get("Etag") != before || strings.Contains(a.body, "core1") || strings.Contains(a.body, "AS64511") {
			t.Errorf("%s has changed: %s after %s", ext, a.Header.Get("Etag"), before)
		}
	}
}

// TestNoNames: a node that is set up for none says so.
func TestNoNames(t *testing.T) {
	n := newNode(t)
	id := newID(noon)
	n.archived(sample(id, noon))
	a := n.get("/2026/11/23/"+id.String(), asBrowser)
	a.want(t, 200, "[asn] database", "[serve] reverse_dns")
	if strings.Contains(a.body, "ascol") || strings.Contains(a.body, "those of today") {
		t.Error("a column of AS numbers that nobody knows")
	}
}

// TestNamesWait: who reads a page never waits for DNS, and what strangers ask
// for is not looked up.
func TestNamesWait(t *testing.T) {
	n := newNamed(t)
	asFile(t, n.path, mmdbtest.ASN("192.0.2.0/24", 64500, "Example"))
	n.dns.Mute(true)
	n.start()
	id := newID(noon)
	n.archived(sample(id, noon))
	n.get("/target/192.0.2.77", asBrowser).want(t, 200, "AS64500", "Example")
	for _, a := range []string{"192.0.2.77", "192.0.2.78", "2001:db8::77"} {
		n.get("/target/"+a, asBrowser).want(t, 200)
	}
	n.get("/2026/11/23/", asBrowser).want(t, 200)
	if n.dns.Asked() != 0 {
		t.Errorf("%d queries for addresses that no report here has", n.dns.Asked())
	}
	n.get("/target/203.0.113.7", asBrowser).want(t, 200, "not looked up yet")
	n.until("the target to be asked about", func() bool { return n.dns.Asked() > 0 })
}

// TestNamesOnIncident: routers of the path and of the sentences have both.
func TestNamesOnIncident(t *testing.T) {
	n := newNamed(t)
	asFile(t, n.path, mmdbtest.ASN("198.18.0.0/16", 64500, "Example Networks"))
	n.dns.Set(netip.MustParseAddr("198.18.0.5"), "edge5.example.net")
	inc := lossy(noon, 1)
	n.happened(inc)
	place := incidentURL(inc.ID)
	first := n.get(place, asBrowser)
	first.want(t, 200, "AS64500", "Example Networks", "not looked up yet")
	n.start()
	n.until("the name of the router", n.called(netip.MustParseAddr("198.18.0.5"), "edge5.example.net"))
	n.until("the page to have all", func() bool { return !strings.Contains(n.get(place, asBrowser).body, "not looked up yet") })
	second := n.get(place, asBrowser, "If-None-Match: "+first.Header.Get("Etag"))
	second.want(t, 200, "edge5.example.net", "those of today")
	if a := n.get(place, asBrowser, "If-None-Match: "+second.Header.Get("Etag")); a.StatusCode != 304 {
		t.Errorf("nothing has changed: %s", a.Status)
	}
}

// hostileNames answers with what no book should ever give.
type hostileNames struct{ words string }

func (h hostileNames) Known(addrs []netip.Addr) report.Names {
	n := report.Names{Of: map[netip.Addr]report.Named{}, Missing: []report.NamesLack{{Kind: report.LackKind(h.words), Detail: h.words}}}
	for _, a := range addrs {
		n.Of[a] = report.Named{Name: h.words, AS: 64500, Org: h.words}
	}
	return n
}
func (hostileNames) Later([]netip.Addr)  {}
func (hostileNames) Version() uint64     { return 1 }
func (hostileNames) Run(context.Context) {}

// TestHostileNames: pages clean, escape and cut whatever they are given.
func TestHostileNames(t *testing.T) {
	words := `</td><script id="injected">alert(1)</script>` + "\x1b[2J\u202e\x00" + strings.Repeat("unbroken", 500)
	n := newNode(t, func(s *Server) { s.Names = hostileNames{words} })
	id := newID(noon)
	n.archived(sample(id, noon))
	inc := lossy(noon, 1)
	n.happened(inc)
	for _, path := range []string{"/2026/11/23/" + id.String(), "/target/203.0.113.7", incidentURL(inc.ID)} {
		a := n.get(path, asBrowser)
		a.want(t, 200, "AS64500")
		if strings.Contains(a.body, `<script id="inj`) || strings.ContainsAny(a.body, "\x1b\x00\u202e") {
			t.Errorf("%s: not clean", path)
		}
	}
}

// TestNamedListIsBounded: whatever is read, what is remembered of it is little.
func TestNamedListIsBounded(t *testing.T) {
	n := newNode(t, func(s *Server) { s.Names = hostileNames{"x"} })
	s := newSite(n.Server)
	many := make([]netip.Addr, 5*namesMost)
	var l addrList
	for i := range many {
		l.add(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}))
	}
	if len(l.all) != namesMost {
		t.Fatalf("%d addresses of a page, want %d", len(l.all), namesMost)
	}
	for range 3 * foundMost {
		s.namesMade(newID(noon), l.all)
	}
	if len(s.named.ids) > foundMost {
		t.Errorf("%d pages are remembered, want at most %d", len(s.named.ids), foundMost)
	}
}

func TestCutMiddle(t *testing.T) {
	for in, want := range map[string]string{"": "", "abcdefghij": "abcdefghij", "abcdefghijk": "abcd…ghijk", "äbcdefghijklä": "äbcd…ijklä"} {
		if got := cutMiddle(in, 10); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// BenchmarkNamedReportPage is BenchmarkReportPage/made, /kept and /known where
// names and AS numbers are known.
func BenchmarkNamedReportPage(b *testing.B) {
	path := filepath.Join(b.TempDir(), "asn.mmdb")
	if err := os.WriteFile(path, mmdbtest.Build(mmdbtest.ASN("198.18.0.0/16", 64500, "Example"), mmdbtest.ASN("2001:db8::/32", 64502, "Six"), mmdbtest.ASN("203.0.113.0/24", 64496, "Ours")), 0o600); err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	w, err := archive.OpenWriter(dir, "Asia/Hong_Kong")
	if err != nil {
		b.Fatal(err)
	}
	id := newID(noon)
	if err := errors.Join(w.Write(sample(id, noon)), w.Close()); err != nil {
		b.Fatal(err)
	}
	ar, err := archive.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer ar.Close()
	book := names.New(names.Options{Database: path})
	for _, n := range []struct {
		name string
		of   Names
	}{{"none", nil}, {"file", book}} {
		s := newSite(&Server{Archive: ar, Node: "hk1", Names: n.of, Log: slog.New(slog.DiscardHandler), Now: time.Now})
		h := s.handler()
		ask := func(tag string) string {
			r := httptest.NewRequest("GET", "/2026/11/23/"+id.String(), nil)
			r.Header.Set("Accept", "text/html")
			r.Header.Set("Accept-Encoding", "gzip")
			r.Header.Set("If-None-Match", tag)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 200 && w.Code != 304 {
				b.Fatal(w.Code, w.Body.String())
			}
			return w.Header().Get("Etag")
		}
		b.Run(n.name+"/made", func(b *testing.B) {
			for b.Loop() {
				s.kept = newKept(keptBytes)
				ask("")
			}
		})
		b.Run(n.name+"/kept", func(b *testing.B) {
			for b.Loop() {
				ask("")
			}
		})
		tag := ask("")
		b.Run(n.name+"/known", func(b *testing.B) {
			for b.Loop() {
				ask(tag)
			}
		})
	}
}
