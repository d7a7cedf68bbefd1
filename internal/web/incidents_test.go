package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/chart"
	"github.com/mtrq/mtrq/internal/web/words"
	"github.com/mtrq/mtrq/report"
)

// lossy is an incident of so many targets that lost ten pings of ten.
func lossy(began time.Time, members int, change ...func(*report.Incident)) *report.Incident {
	after := func(d time.Duration) *time.Time { t := began.Add(d); return &t }
	inc := &report.Incident{
		Schema: report.IncidentSchema, ID: newID(*after(1600 * time.Millisecond)), State: report.IncidentClosed, Trigger: report.TriggerLoss,
		Node: report.Node{Name: "hk1", Place: "Hong Kong, TKO"}, At: *after(80 * time.Second), Affected: members, Watched: members + 40, Clean: 40,
		Times: report.IncidentTimes{Began: began, Noticed: *after(500 * time.Millisecond), Probed: after(503 * time.Millisecond), Opened: *after(1600 * time.Millisecond),
			LastLoss: after(9 * time.Second), Recovered: after(10 * time.Second), Closed: after(310 * time.Second)},
		Episodes: []report.Episode{{From: began, To: after(10 * time.Second)}},
		Canaries: []report.Canary{{Kind: report.CanaryGateway, Target: "192.0.2.254", Addr: netip.MustParseAddr("192.0.2.254"), Known: true, Sent: 70}},
		Versions: report.Versions{MTRQ: "0.1.0", Rules: report.RulesVersion},
	}
	for i := range members {
		addr := netip.AddrFrom4([4]byte{203, 0, byte(113 + i/200), byte(7 + i%200)})
		m := report.Member{Target: addr.String(), Address: addr, Group: "gz", Tags: map[string]string{"circuit": "GZ-2231"}, Trigger: report.TriggerLoss,
			Began: began, Noticed: inc.Times.Noticed, Opened: inc.Times.Opened, LastLoss: inc.Times.LastLoss, Recovered: inc.Times.Recovered, Lost: 10, Sent: 10,
			Pings: report.Pings{From: began.Add(-30 * time.Second)}}
		us := int64(9100)
		for k := range 60 {
			m.Pings.TxMS = append(m.Pings.TxMS, int64(k)*1000)
			if k >= 30 && k < 40 {
				m.Pings.Answer += "-"
				m.Pings.RTTUS = append(m.Pings.RTTUS, nil)
				continue
			}
			m.Pings.Answer += "r"
			m.Pings.RTTUS = append(m.Pings.RTTUS, &us)
		}
		m.Before = &report.Path{At: began.Add(-time.Minute), Hops: []report.PathHop{{TTL: 1, Addrs: []netip.Addr{netip.MustParseAddr("198.18.0.1")}, Answered: 12, Asked: 12},
			{TTL: 2, Addrs: []netip.Addr{netip.MustParseAddr("198.18.0.5")}, Answered: 12, Asked: 12}}}
		m.After = &report.Path{At: *after(12 * time.Second), Hops: []report.PathHop{{TTL: 1, Addrs: []netip.Addr{netip.MustParseAddr("198.18.0.1")}, Answered: 1, Asked: 1},
			{TTL: 2, Addrs: []netip.Addr{netip.MustParseAddr("198.18.0.6")}, Answered: 1, Asked: 1}}}
		inc.Members = append(inc.Members, m)
	}
	for _, c := range change {
		c(inc)
	}
	inc.Verdict = report.JudgeIncident(inc, nil)
	return inc
}

// happened writes incidents into the node's archive, as run does.
func (n *node) happened(incidents ...*report.Incident) {
	n.t.Helper()
	w, err := archive.OpenWriter(n.archive, "Asia/Hong_Kong")
	if err != nil {
		n.t.Fatal(err)
	}
	for _, inc := range incidents {
		if err := w.WriteIncident(inc); err != nil {
			n.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		n.t.Fatal(err)
	}
}

// opens writes an incident that is open into the spool, as run does.
func (n *node) opens(inc *report.Incident) {
	n.t.Helper()
	inc.State, inc.Times.Recovered, inc.Times.Closed, inc.Episodes[0].To = report.IncidentOpen, nil, nil, nil
	var b bytes.Buffer
	if err := report.EncodeIncident(&b, inc); err != nil {
		n.t.Fatal(err)
	}
	if err := n.spool.WriteState("incidents/"+inc.ID.String()+".json", b.Bytes()); err != nil {
		n.t.Fatal(err)
	}
}

func lastTuesday() time.Time { return time.Now().Add(-48 * time.Hour).Truncate(time.Second) }

func TestIncidentPage(t *testing.T) {
	n := newNode(t)
	inc := lossy(lastTuesday(), 1)
	n.happened(inc)
	url := incidentURL(inc.ID)
	page := n.get(url, asBrowser)
	page.want(t, http.StatusOK, "<h1>203.0.113.7</h1>", "10 of 10 pings", "198.18.0.6", "changed", "circuit=GZ-2231", "0 of 70", `<svg xmlns`, "+10.00 s", "5 min 10 s")
	if strings.Contains(page.body, "data-live=") || strings.Contains(page.body, `http-equiv="refresh"`) {
		t.Error("the page of an incident that is over asks again")
	}
	zh := n.get(url, asBrowser, "Accept-Language: zh-CN")
	zh.want(t, http.StatusOK, "异常目标", "首个探测包", "已结束")
	n.get(url).want(t, http.StatusOK, "Incident: "+inc.ID.String())
	n.get(strings.ToLower(url)+".txt", asBrowser).want(t, http.StatusOK, "Verdict: ")
	svg := n.get(url+".svg", asBrowser)
	svg.want(t, http.StatusOK, "<svg xmlns")
	if got := svg.Header.Get("Content-Type"); got != "image/svg+xml" {
		t.Errorf("Content-Type %q", got)
	}
	asJSON := n.get(url + ".json")
	asJSON.want(t, http.StatusOK)
	back, err := report.DecodeIncident([]byte(asJSON.body))
	if err != nil || back.ID != inc.ID {
		t.Errorf("got %v, %v", back, err)
	}
	if got := asJSON.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q of what never changes", got)
	}
	if got := page.Header.Get("Cache-Control"); strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q of a page in one language", got)
	}
	again := n.get(url, asBrowser, "If-None-Match: "+page.Header.Get("Etag"))
	if again.StatusCode != http.StatusNotModified {
		t.Errorf("got %s for a page that the browser has", again.Status)
	}
}

func TestOpenIncident(t *testing.T) {
	n := newNode(t)
	n.tracing()
	inc := lossy(time.Now().Add(-20*time.Second), 2)
	inc.At = time.Now()
	n.opens(inc)
	url := incidentURL(inc.ID)
	page := n.get(url, asBrowser)
	page.want(t, http.StatusOK, `data-live="incident=`+inc.ID.String()+`"`, `http-equiv="refresh"`, "&#43;1</small>")
	for _, ending := range []string{"", ".json", ".svg", ".txt"} {
		if got := n.get(url + ending).Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s: Cache-Control %q of what changes each second", ending, got)
		}
	}
	n.get("/incidents").want(t, http.StatusOK, "open", inc.ID.String())
	n.get("/incidents?state=closed").want(t, http.StatusOK, "no incident")

	old := lossy(time.Now().Add(-time.Hour), 1)
	n.opens(old)
	n.get(incidentURL(old.ID), asBrowser).want(t, http.StatusOK, "Nobody is watching")
	n.get(incidentURL(old.ID)).want(t, http.StatusOK, "Nobody is watching")

	// It closes: the archive's is final.
	inc.State, inc.Times.Recovered, inc.Times.Closed = report.IncidentClosed, &inc.At, &inc.At
	n.happened(inc)
	if page := n.get(url, asBrowser); strings.Contains(page.body, "data-live=") {
		t.Error("an incident that is in the archive is still shown as open")
	}
}

func TestIncidentThatIsNone(t *testing.T) {
	n := newNode(t)
	n.get("/incident/"+newID(time.Now()).String()).want(t, http.StatusNotFound, "not-found", "no incident has the ID")
	for _, path := range []string{"/incident/x", "/incident/..%2f..%2fetc%2fpasswd", "/incident/", "/incident/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.png"} {
		n.get(path).want(t, http.StatusNotFound)
	}
	inc := lossy(lastTuesday(), 1)
	n.happened(inc)
	file := n.archive + "/" + archive.DateOf(inc.Times.Opened, n.Archive.Location()).Path() + "/incidents/" + inc.ID.String() + ".json"
	rewrite(t, file, `"schema": 1`, `"schema": 99`)
	for _, ending := range []string{"", ".json", ".svg"} {
		n.get(incidentURL(inc.ID)+ending).want(t, http.StatusServiceUnavailable, codeNewer)
	}
}

// TestIncidentIsKept: of an incident that is over the file alone stays as it
// is; what carries today's verdict is asked about.
func TestIncidentIsKept(t *testing.T) {
	n := newNode(t)
	inc := lossy(lastTuesday(), 1)
	n.happened(inc)
	for ending, want := range map[string]string{".json": cacheForever, ".txt": cacheAsk, ".svg": cacheAsk, "": cacheAsk} {
		a := n.get(incidentURL(inc.ID) + ending)
		if got := a.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", ending, got, want)
		}
		n.get(incidentURL(inc.ID)+ending, "If-None-Match: "+a.Header.Get("Etag")).want(t, http.StatusNotModified)
	}
}

// TestUnreadableIncident: what is not known of one has no figure.
func TestUnreadableIncident(t *testing.T) {
	n := newNode(t)
	id := newID(time.Now())
	if err := n.spool.WriteState("incidents/"+id.String()+".json", []byte("{")); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(n.get("/incidents.csv").body)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != id.String() {
		t.Fatalf("got %q, %v", rows, err)
	}
	if col := slices.Index(rows[0], "affected"); rows[1][col] != "" {
		t.Errorf("affected %q of an incident that cannot be read", rows[1][col])
	}
}

// TestStormIsBounded: the page of five hundred targets shows some, says how
// many there are and where they all are.
func TestStormIsBounded(t *testing.T) {
	n := newNode(t)
	inc := lossy(lastTuesday(), 500)
	n.happened(inc)
	url := incidentURL(inc.ID)
	some := n.get(url, asBrowser)
	some.want(t, http.StatusOK, "&#43;499", url+"?members=all", "Show all 500")
	all := n.get(url+"?members=all", asBrowser)
	all.want(t, http.StatusOK)
	last := targetURL(inc.Members[499].Target) + `"`
	if strings.Contains(some.body, last) || !strings.Contains(all.body, last) {
		t.Error("the last member is on the first page, or not on the whole one")
	}
	if len(some.body) > 150_000 {
		t.Errorf("a page of %d bytes", len(some.body))
	}
}

const evil = "</title></svg><script>alert(1)</script>\x1b[2J\u202e"

func TestHostileIncident(t *testing.T) {
	n := newNode(t)
	inc := lossy(lastTuesday(), 1, func(inc *report.Incident) {
		m := &inc.Members[0]
		m.Target, m.Group, m.Tags = evil, evil, map[string]string{evil: evil}
		inc.Notes, inc.Host.Changed, inc.Node.Name, inc.Node.Place = []string{evil}, []string{evil}, evil, evil
		inc.Host.Opened = &report.HostState{At: inc.At, Routes: []string{evil}, Links: []report.HostLink{{Name: evil}}}
		inc.Canaries[0].Target, inc.Canaries[0].Addr = evil, netip.Addr{}
	})
	n.happened(inc)
	for _, path := range []string{incidentURL(inc.ID), "/incidents", "/incidents.atom", incidentURL(inc.ID) + ".svg", "/target/203.0.113.7", "/target/203.0.113.7.svg"} {
		a := n.get(path, asBrowser)
		a.want(t, http.StatusOK)
		if strings.Contains(a.body, "<script>") || strings.ContainsAny(a.body, "\x1b\u202e") {
			t.Errorf("%s lets a stranger's words do something", path)
		}
	}
	for _, path := range []string{incidentURL(inc.ID), "/incidents", "/target/203.0.113.7", "/search?q=203"} {
		if a := n.get(path); strings.ContainsAny(a.body, "\x1b\u202e") {
			t.Errorf("%s sends control characters to a terminal", path)
		}
	}
}

func TestListOfIncidents(t *testing.T) {
	n := newNode(t)
	n.get("/incidents", asBrowser).want(t, http.StatusOK, "No incident yet.")
	var all []*report.Incident
	for i := range 5 {
		all = append(all, lossy(lastTuesday().Add(-time.Duration(i)*24*time.Hour), 1+i))
	}
	n.happened(all...)
	n.get("/incidents", asBrowser).want(t, http.StatusOK, incidentURL(all[0].ID), incidentURL(all[4].ID))
	n.get("/incidents?target=203.0.113.11", asBrowser).want(t, http.StatusOK, incidentURL(all[4].ID))
	if a := n.get("/incidents?target=203.0.113.11"); strings.Contains(a.body, all[0].ID.String()) {
		t.Error("the filter lets others through")
	}
	// Page by page: each once, none left out.
	seen := map[string]int{}
	for url, pages := "/incidents.json?limit=2", 0; url != ""; pages++ {
		a := n.get(url)
		a.want(t, http.StatusOK)
		var list struct{ Incidents []archive.IncidentEntry }
		if err := json.Unmarshal([]byte(a.body), &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Incidents {
			seen[e.ID.String()]++
		}
		url = ""
		if m := regexp.MustCompile(`^<([^>]+)>; rel="next"$`).FindStringSubmatch(a.Header.Get("Link")); m != nil {
			url = m[1]
		}
		if pages > 5 {
			t.Fatal("it never ends")
		}
	}
	for _, inc := range all {
		if seen[inc.ID.String()] != 1 {
			t.Errorf("%s is listed %d times", inc.ID, seen[inc.ID.String()])
		}
	}
	n.get("/incidents.csv").want(t, http.StatusOK, "id,state,began", all[2].ID.String())
	for _, bad := range []string{"limit=0", "limit=x", "verdict=nice", "state=maybe", "since=yesterday", "foo=1", "target=" + strings.Repeat("x", 400), "target=%zz"} {
		n.get("/incidents?"+bad).want(t, http.StatusBadRequest, "bad-parameter")
	}
}

func TestFeed(t *testing.T) {
	n := newNode(t)
	inc := lossy(lastTuesday(), 3)
	n.happened(inc)
	open := lossy(time.Now().Add(-10*time.Second), 1)
	n.opens(open)
	a := n.get("/incidents.atom")
	a.want(t, http.StatusOK)
	var f atomFeed
	if err := xml.Unmarshal([]byte(a.body), &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Entries) != 2 || f.ID == "" || f.Title == "" || f.Updated == "" || f.Author.Name == "" {
		t.Fatalf("got %+v", f)
	}
	for _, e := range f.Entries {
		if !strings.HasPrefix(e.ID, "tag:") || e.Title == "" || e.Summary == "" || len(e.Links) == 0 {
			t.Errorf("entry %+v", e)
		}
		if _, err := time.Parse(time.RFC3339, e.Updated); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(f.Entries[1].Summary, "pings") || !strings.HasSuffix(f.Entries[1].ID, inc.ID.String()) {
		t.Errorf("got %+v", f.Entries[1])
	}
	if b := n.get("/incidents.atom", "If-None-Match: "+a.Header.Get("Etag")); b.StatusCode != http.StatusNotModified {
		t.Errorf("got %s", b.Status)
	}
	// The same entry, whatever name the feed is asked by.
	other := n.get("/incidents.atom", "Host: localhost")
	var g atomFeed
	if err := xml.Unmarshal([]byte(other.body), &g); err != nil || g.Entries[1].ID != f.Entries[1].ID {
		t.Errorf("the ID of an entry depends on the Host: %v, %v", g.Entries, err)
	}
}

// TestPicturesInBothLanguages: each label of the pictures has a translation
// with the same verbs.
func TestPicturesInBothLanguages(t *testing.T) {
	for _, l := range words.All {
		o := head{Lang: l}.pictureOptions()
		for _, w := range report.SVGWords() {
			s, ok := o.Words[w]
			if !ok {
				t.Errorf("%s lacks %q", l, w)
				continue
			}
			for _, verb := range []string{"%s", "%d"} {
				if strings.Count(s, verb) != strings.Count(w, verb) {
					t.Errorf("%s: %q for %q", l, s, w)
				}
			}
			if l == words.English && s != w {
				t.Errorf("English says %q for %q", s, w)
			}
		}
	}
}

// TestDarkPictures: every colour of a picture has another one on a dark page.
func TestDarkPictures(t *testing.T) {
	css, err := pageFiles.ReadFile("pages/charts.css")
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string]bool{}
	for _, c := range chart.Palette() {
		colours[c] = true
	}
	inc := lossy(lastTuesday(), 12)
	paint := regexp.MustCompile(`(?:fill|stroke)="(#[0-9a-f]{6})"`)
	for _, svg := range [][]byte{report.IncidentSVG(inc, []*report.Report{sample(newID(time.Now()), time.Now())}), report.SVG(sample(newID(time.Now()), time.Now()))} {
		for _, m := range paint.FindAllSubmatch(svg, -1) {
			colours[string(m[1])] = true
		}
	}
	for c := range colours {
		if !bytes.Contains(css, fmt.Appendf(nil, `[fill=%q]`, c)) {
			t.Errorf("charts.css has nothing for %s", c)
		}
	}
}

// TestCalendarOpen: a day on which an incident opened that is open is marked
// as one of an incident that is over, and says how many.
func TestCalendarOpen(t *testing.T) {
	n := newNode(t)
	n.tracing()
	cell := regexp.MustCompile(`<a class="[^"]*\binc\b[^"]*" title="[^"]*1 incidents"[^>]* href="([^"]*)"`)
	if n.get("/", asBrowser); cell.MatchString(n.get("/", asBrowser).body) {
		t.Fatal("a mark without an incident")
	}
	for _, began := range []time.Time{time.Now().Add(-20 * time.Second), lastTuesday()} {
		n := newNode(t)
		n.tracing()
		n.happened(lossy(time.Now().Add(-400*24*time.Hour), 1)) // the archive has its zone
		inc := lossy(began, 1)
		n.opens(inc)
		day := archive.DateOf(inc.Times.Opened, n.Archive.Location())
		got := cell.FindStringSubmatch(n.get("/?year="+fmt.Sprint(day.Year), asBrowser).body)
		if got == nil || got[1] != dayURL(day) {
			t.Errorf("%s: got %q", day, got)
		}
	}
}
