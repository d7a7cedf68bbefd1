package web

import (
	"encoding/json"
	"html"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/spool"
)

// rewrite replaces something in a file, as the world outside would.
func rewrite(t *testing.T, file, from, to string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := strings.Replace(string(b), from, to, 1)
	if s == string(b) {
		t.Fatalf("%s has no %q", file, from)
	}
	if err := os.WriteFile(file, []byte(s), 0o644); err != nil {
		t.Fatal(err)
	}
}

// watches writes targets.json as a watchdog does.
func (n *node) watches(at time.Time, targets ...spool.WatchTarget) {
	n.t.Helper()
	st := &spool.WatchState{Schema: 1, At: at, Node: "hk1", Targets: targets, Totals: spool.WatchTotals{Targets: len(targets), PingsSent: 1000, PingsLost: 3},
		Canaries: []spool.WatchTarget{{Target: "192.0.2.254", Source: "gateway", State: spool.TargetOK}}}
	if err := n.spool.WriteWatchState(st); err != nil {
		n.t.Fatal(err)
	}
}

func watched(target, addr string, state spool.TargetState) spool.WatchTarget {
	us := int64(9100)
	t := spool.WatchTarget{Target: target, State: state, Since: time.Now().Add(-time.Hour), Interval: 1000, Lost: 3, Sent: 300, LastUS: &us, P50US: &us, P95US: &us,
		Strip: strings.Repeat("r", 57) + "--r"}
	if addr != "" {
		t.Address = netip.MustParseAddr(addr)
	}
	return t
}

func TestTargetPage(t *testing.T) {
	n := newNode(t)
	n.watches(time.Now(), watched("203.0.113.7", "203.0.113.7", spool.TargetOK))
	at := time.Now().Add(-2 * time.Hour)
	n.archived(sample(newID(at), at))
	inc := lossy(lastTuesday(), 1)
	n.happened(inc)
	page := n.get("/target/203.0.113.7", asBrowser)
	page.want(t, http.StatusOK, "<h1>203.0.113.7</h1>", `<strong>ok</strong>`, "3 of 300", incidentURL(inc.ID), "1 of ", "range=10d", "/badge/203.0.113.7.svg", "api/mtr?ip=203.0.113.7",
		"<svg xmlns", "worst loss", `aria-current="page"`)
	for _, r := range []string{"3h", "30h", "10d", "360d"} {
		n.get("/target/203.0.113.7?range="+r, asBrowser).want(t, http.StatusOK)
	}
	n.get("/target/203.0.113.7", asBrowser, "Accept-Language: zh").want(t, http.StatusOK, "往返时延", "最近 360 天")
	text := n.get("/target/203.0.113.7")
	text.want(t, http.StatusOK, "now: ok since", inc.ID.String(), "Reports: 1")

	var got targetView
	a := n.get("/target/203.0.113.7.json?range=3h")
	a.want(t, http.StatusOK)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Total != 1 || got.Now == nil || len(got.Buckets) != 1 || got.Buckets[0].Worst == nil || *got.Buckets[0].Worst < 2 || got.Buckets[0].Reports != 1 {
		t.Errorf("got %s", a.body)
	}
	n.get("/target/203.0.113.7.csv").want(t, http.StatusOK, "time,utc,id")
	n.get("/target/203.0.113.7.svg").want(t, http.StatusOK, `role="img"`)
	if svg := n.get("/target/203.0.113.7.svg"); strings.Contains(svg.body, "<a ") {
		t.Error("an image has links")
	}
}

// TestTargetNobodyMeasured: what nobody measured is said to be so, and no
// zero is made of it.
func TestTargetNobodyMeasured(t *testing.T) {
	n := newNode(t)
	page := n.get("/target/203.0.113.99", asBrowser)
	page.want(t, http.StatusOK, "No report in this time.", "Nobody is watching targets")
	if strings.Contains(page.body, "0 %") && !strings.Contains(page.body, "10 %") {
		t.Error("a zero")
	}
	var got targetView
	a := n.get("/target/203.0.113.99.json")
	a.want(t, http.StatusOK, `"reports":[]`, `"incidents":[]`, `"buckets":[]`)
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Now != nil || len(got.Buckets) != 0 {
		t.Errorf("got %s, %v", a.body, err)
	}
	n.watches(time.Now(), watched("203.0.113.7", "203.0.113.7", spool.TargetOK))
	next := newNode(t)
	next.watches(time.Now().Add(-time.Hour), watched("203.0.113.99", "203.0.113.99", spool.TargetOK))
	old := next.get("/target/203.0.113.99", asBrowser)
	old.want(t, http.StatusOK, "Nobody is watching; last seen so at")
}

func TestTargetNames(t *testing.T) {
	n := newNode(t)
	n.watches(time.Now(), watched("edge.example.net", "2001:db8::7", spool.TargetLossy))
	for path, want := range map[string]string{
		"/target/edge.example.net":              "/target/2001:db8::7",
		"/target/EDGE.example.net.?range=10d":   "/target/2001:db8::7?range=10d",
		"/target/edge.example.net.json":         "/target/2001:db8::7.json",
		"/target/Edge.example.net..json":        "/target/2001:db8::7.json",
		"/target/EDGE.example.NET.csv":          "/target/2001:db8::7.csv",
		"/target/edge.example.net.csv?range=3h": "/target/2001:db8::7.csv?range=3h",
	} {
		a := n.get(path)
		if got := a.Header.Get("Location"); a.StatusCode != http.StatusFound || got != want {
			t.Errorf("%s: %s to %q, want %q", path, a.Status, got, want)
		}
	}
	for _, path := range []string{"/target/2001:DB8:0::7", "/target/%5B2001:db8::7%5D", "/target/2001%3Adb8%3A%3A7", "/target/::ffff:203.0.113.7"} {
		n.get(path, asBrowser).want(t, http.StatusOK)
	}
	for _, path := range []string{"/target/a%20b", "/target/%3Cscript%3E", "/target/..%2f..%2fetc", "/target/-x", "/target/" + strings.Repeat("a", 300)} {
		n.get(path).want(t, http.StatusBadRequest, "bad-target")
	}
	for _, q := range []string{"range=5h", "loss=x", "from=x", "nonsense=1", "verdict=nice", "before=x", "limit=0"} {
		n.get("/target/203.0.113.7?"+q).want(t, http.StatusBadRequest, "bad-parameter")
	}
}

func TestSearch(t *testing.T) {
	n := newNode(t)
	at := time.Now().Add(-2 * time.Hour)
	rep := sample(newID(at), at)
	n.archived(rep)
	inc := lossy(lastTuesday(), 1)
	n.happened(inc)
	open := lossy(time.Now().Add(-10*time.Second), 1)
	n.opens(open)
	n.watches(time.Now(), watched("edge.example.net", "2001:db8::7", spool.TargetLossy), watched("203.0.113.7", "203.0.113.7", spool.TargetOK))
	for q, want := range map[string]string{
		"203.0.113.7":                 "/target/203.0.113.7",
		rep.Evidence.ID.String():      "/r/" + rep.Evidence.ID.String(),
		inc.ID.String():               incidentURL(inc.ID),
		open.ID.String():              incidentURL(open.ID),
		"edge.exam":                   "/target/2001:db8::7",
		strings.ToLower("EDGE."):      "/target/2001:db8::7",
		"%20203.0.113.7%20":           "/target/203.0.113.7",
		open.ID.String()[:14]:         incidentURL(open.ID),
		rep.Evidence.ID.String()[:14]: "/r/" + rep.Evidence.ID.String(),
	} {
		a := n.get("/search?q="+q, asBrowser)
		if got := a.Header.Get("Location"); a.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%s: %s to %q, want %q", q, a.Status, got, want)
		}
		n.get("/search?q="+q).want(t, http.StatusOK, want)
	}
	n.get("/search?q=203.0.113.7").want(t, http.StatusOK, inc.ID.String()) // one curl finds last week's loss
	n.get("/search?q=AS64500", asBrowser).want(t, http.StatusOK, "no AS database")
	n.get("/search?q=as64500").want(t, http.StatusOK, "no AS database")
	n.get("/search", asBrowser).want(t, http.StatusOK, "A")
	n.get("/search?q=zzzz", asBrowser).want(t, http.StatusOK, "Nothing found for zzzz.")
	n.get("/search?q=zzzz", "Accept: application/json").want(t, http.StatusOK, `"hits":[]`)
	n.get("/search?q="+strings.Repeat("x", 400)).want(t, http.StatusBadRequest)
	if a := n.get("/search?q=%3Cscript%3E%1b", asBrowser); strings.Contains(a.body, "<script>") || strings.Contains(a.body, "\x1b") {
		t.Error("what was asked for does something")
	}
}

func TestBadges(t *testing.T) {
	n := newNode(t)
	n.get("/badge/203.0.113.7.svg").want(t, http.StatusOK, "203.0.113.7: unknown")
	n.get("/badge/203.0.113.7/loss.svg").want(t, http.StatusOK, "no report")

	n = newNode(t)
	n.watches(time.Now(), watched("203.0.113.7", "203.0.113.7", spool.TargetLossy), watched("edge.example.net", "2001:db8::7", spool.TargetOK),
		watched("203.0.113.20", "203.0.113.20", spool.TargetPaused), watched("203.0.113.21", "203.0.113.21", spool.TargetNew), watched("gone.example.net", "", spool.TargetUnresolved))
	state := n.get("/badge/203.0.113.7.svg")
	state.want(t, http.StatusOK, "lossy 3/300", "<svg xmlns")
	n.get("/badge/edge.example.net.svg").want(t, http.StatusOK, "edge.example.net: ok 9.1 ms")
	n.get("/badge/203.0.113.8.svg").want(t, http.StatusOK, "not watched")
	n.get("/badge/edge.example.net/loss.svg").want(t, http.StatusOK, "no incident")
	for _, nobodyLooks := range []string{"203.0.113.8", "203.0.113.20", "203.0.113.21", "gone.example.net"} {
		n.get("/badge/"+nobodyLooks+"/loss.svg").want(t, http.StatusOK, "no report")
	}
	h := state.Header
	if h.Get("Cross-Origin-Resource-Policy") != "cross-origin" || h.Get("Cache-Control") != "no-cache" || h.Get("Etag") == "" || h.Get("Content-Type") != "image/svg+xml" {
		t.Errorf("headers %v", h)
	}
	if a := n.get("/badge/203.0.113.7.svg", "If-None-Match: "+h.Get("Etag")); a.StatusCode != http.StatusNotModified {
		t.Errorf("got %s", a.Status)
	}
	at := time.Now().Add(-2 * time.Hour)
	n.archived(sample(newID(at), at))
	n.get("/badge/203.0.113.7/loss.svg?range=24h").want(t, http.StatusOK, "worst 3")
	n.get("/badge/203.0.113.7/loss.svg?range=1h").want(t, http.StatusOK, "no incident")
	n.happened(lossy(lastTuesday(), 1))
	n.get("/badge/203.0.113.7/loss.svg?range=7d").want(t, http.StatusOK, "1 incident, worst 3")
	n.get("/badge/203.0.113.7/loss.svg?range=9y").want(t, http.StatusBadRequest)
	for _, path := range []string{"/badge/203.0.113.7", "/badge/%3Cx%3E.svg", "/badge/x/y.svg", "/badge/.svg"} {
		n.get(path).want(t, http.StatusNotFound)
	}
}

func TestNodePage(t *testing.T) {
	n := newNode(t)
	n.get("/node/hk1", asBrowser).want(t, http.StatusOK, "Nobody is tracing", "No targets are watched")
	n.get("/node/sh1").want(t, http.StatusNotFound)
	n.tracing()
	n.watches(time.Now(), watched("203.0.113.7", "203.0.113.7", spool.TargetOK))
	next := newNode(t)
	next.tracing()
	next.watches(time.Now(), watched("203.0.113.7", "203.0.113.7", spool.TargetOK))
	next.get("/node/hk1", asBrowser).want(t, http.StatusOK, "Tracing.", "12 of 200", "192.0.2.254", "3 of 1")
	next.get("/node/hk1").want(t, http.StatusOK, "hk1: tracing", "12 of 200")
	next.get("/node/hk1.json").want(t, http.StatusOK, `"tracing":true`)
}

// TestTargetGoesOn: what a list of a target's reports has left out is behind
// its link, in every order and with the same filter.
func TestTargetGoesOn(t *testing.T) {
	n := newNode(t)
	at := time.Now().Add(-time.Hour)
	const reports = 5
	for i := range reports {
		n.archived(sample(newID(at.Add(time.Duration(i)*time.Minute)), at.Add(time.Duration(i)*time.Minute)))
	}
	link := regexp.MustCompile(`href="([^"]*)"[^>]*rel="next"|rel="next"[^>]*href="([^"]*)"`)
	id := regexp.MustCompile(`"/\d+/\d+/\d+/([0-9A-Z]{26})"`)
	for _, query := range []string{"", "&sort=time", "&dir=asc", "&sort=loss", "&sort=target&dir=asc", "&loss=1"} {
		seen := map[string]bool{}
		next := "/target/203.0.113.7?limit=2" + query
		for pages := 0; next != ""; pages++ {
			if pages > reports {
				t.Fatalf("%q: it never ends", query)
			}
			a := n.get(next, asBrowser)
			a.want(t, http.StatusOK)
			for _, m := range id.FindAllStringSubmatch(a.body, -1) {
				seen[m[1]] = true
			}
			next = ""
			if m := link.FindStringSubmatch(a.body); m != nil {
				next = html.UnescapeString(m[1] + m[2])
			}
		}
		if len(seen) != reports {
			t.Errorf("%q: %d reports, want %d", query, len(seen), reports)
		}
	}
	curl := regexp.MustCompile(`# (.*): curl 'http://[^/]*([^']*)'`)
	for query, says := range map[string]string{"": "3 older ones", "&dir=asc": "3 newer ones", "&sort=loss": "3 more", "&loss=1": "3 older ones"} {
		a := n.get("/target/203.0.113.7?limit=2" + query)
		m := curl.FindStringSubmatch(a.body)
		if m == nil || m[1] != says {
			t.Fatalf("%q: %v, want %s in\n%s", query, m, says, a.body)
		}
		rest := n.get(m[2])
		rest.want(t, http.StatusOK)
		if got := strings.Count(a.body+rest.body, " of 33, "); got != reports {
			t.Errorf("%q: %d reports in both, want %d:\n%s%s", query, got, reports, a.body, rest.body)
		}
		if !strings.Contains(m[2], strings.TrimPrefix(query, "&")) {
			t.Errorf("%q is dropped: %s", query, m[2])
		}
	}
	times := regexp.MustCompile(`(?m)^20\d\d-\S+`)
	if got := times.FindAllString(n.get("/target/203.0.113.7?dir=asc").body, -1); !slices.IsSorted(got) || len(got) != reports {
		t.Errorf("dir=asc: %v", got)
	}
}

// deafSpool cannot read what run says of now.
type deafSpool struct{ Spool }

func (deafSpool) ListState(string) ([]string, error)     { return nil, fs.ErrPermission }
func (deafSpool) WatchState() (*spool.WatchState, error) { return nil, fs.ErrPermission }

// TestStateThatCannotBeRead: what cannot be read is said to be that, and is
// not shown as none; the log has it once.
func TestStateThatCannotBeRead(t *testing.T) {
	var log strings.Builder
	n := newNode(t, func(s *Server) {
		s.Spool = deafSpool{s.Spool}
		s.Log = slog.New(slog.NewTextHandler(&log, nil))
	})
	n.archived(sample(newID(noon), noon))
	n.tracing()
	const open, targets = "hich incidents are open cannot be read: permission denied", "ow the watched targets are cannot be read: permission denied"
	for _, look := range []struct {
		path, accept string
		says, not    string
	}{
		{"/", asBrowser, open, "None."}, {"/", asBrowser, targets, ""},
		{"/", "", open, "no incident"}, {"/", asProgram, `"open":null,"open_fault":"permission denied"`, ""},
		{"/node/hk1", asBrowser, open, ""}, {"/node/hk1", asBrowser, targets, "No targets are watched"}, {"/node/hk1", "", open, ""},
		{"/2026/11/23/", asBrowser, open, ""},
		{"/target/203.0.113.7", asBrowser, open, ""}, {"/target/203.0.113.7", asBrowser, targets, "Nobody is watching"},
		{"/target/203.0.113.7", "", targets, "nobody watches"}, {"/target/203.0.113.7.json", "", `"open_fault":"permission denied"`, ""},
	} {
		var header []string
		if look.accept != "" {
			header = []string{look.accept}
		}
		a := n.get(look.path, header...)
		a.want(t, http.StatusOK, look.says)
		if look.not != "" && strings.Contains(a.body, look.not) {
			t.Errorf("%s %s: says %q", look.path, look.accept, look.not)
		}
	}
	for _, path := range []string{"/incidents", "/incidents?state=open", "/incidents.csv", "/incidents.atom", "/api/v1/incidents", "/api/v1/targets"} {
		n.get(path).want(t, http.StatusServiceUnavailable, codeUnavailable)
	}
	n.get("/incidents?state=closed").want(t, http.StatusOK, "no incident")
	if k := strings.Count(log.String(), "open incidents cannot be read"); k != 1 {
		t.Errorf("the log has it %d times, want once:\n%s", k, log.String())
	}
}

// TestOneAgeOfTheWatchdog: all that tells of it agree on whether it lives.
func TestOneAgeOfTheWatchdog(t *testing.T) {
	for _, c := range []struct {
		age   time.Duration
		lives bool
	}{{7 * time.Second, true}, {12 * time.Second, false}} {
		n := newNode(t)
		n.watches(time.Now().Add(-c.age), watched("203.0.113.7", "203.0.113.7", spool.TargetOK))
		if got := strings.Contains(n.get("/api/v1/targets").body, `"watching":true`); got != c.lives {
			t.Errorf("%s: the API says %t", c.age, got)
		}
		if got := !strings.Contains(n.get("/target/203.0.113.7", asBrowser).body, "Nobody is watching"); got != c.lives {
			t.Errorf("%s: the page says %t", c.age, got)
		}
		if got := !strings.Contains(n.get("/", asBrowser).body, "Nobody is watching"); got != c.lives {
			t.Errorf("%s: the first page says %t", c.age, got)
		}
		if got := strings.Contains(n.get("/metrics").body, "mtrq_watch_up 1\n"); got != c.lives {
			t.Errorf("%s: metrics say %t", c.age, got)
		}
	}
	n := newNode(t)
	n.watching(func(st *spool.WatchState) { st.Schema = 2 })
	n.get("/api/v1/targets").want(t, http.StatusServiceUnavailable, codeNewer)
}
