package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	asBrowser = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	asProgram = "Accept: application/json"
)

// noon is 2026-11-23 14:05:32 in Hong Kong, the zone of the test archive.
var noon = time.Date(2026, 11, 23, 6, 5, 32, 123456000, time.UTC)

func TestReport(t *testing.T) {
	n := newNode(t)
	id := newID(noon)
	n.archived(sample(id, noon))
	place := "/2026/11/23/" + id.String()
	n.plain = true // what gzip does to tags and lengths has a test of its own
	for _, tt := range []struct {
		name, path string
		header     []string
		mediaType  string
		says       []string
	}{
		{"curl", place, nil, textPlain, []string{"Loss%", "203.0.113.7"}},
		{"browser", place, []string{asBrowser}, textHTML, []string{">203.0.113.7</a></h1>", "<table class=\"mtr\">", "Loss%", "loss over 20 %", "zabbix-481516", "GZ-2231", place + ".json"}},
		{"program", place, []string{asProgram}, appJSON, []string{`"mtrq":`, `"hubs":`}},
		{"picture", place + ".svg", []string{asBrowser}, appSVG, []string{"<svg", "203.0.113.7"}},
		{"browser asks for text", place + ".txt", []string{asBrowser}, textPlain, []string{"Loss%"}},
		{"browser asks for JSON", place + ".json", []string{asBrowser}, appJSON, []string{`"mtrq":`}},
		{"ID in lower case", strings.ToLower(place), nil, textPlain, []string{"Loss%"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := n.get(tt.path, tt.header...)
			a.want(t, 200, tt.says...)
			if got := a.Header.Get("Content-Type"); got != tt.mediaType {
				t.Errorf("Content-Type %q, want %q", got, tt.mediaType)
			}
			// The verdict of text and page is that of today's rules.
			if got := a.Header.Get("Cache-Control"); strings.Contains(got, "immutable") != (tt.mediaType == appJSON) {
				t.Errorf("Cache-Control %q", got)
			}
			if got := a.Header.Get("Vary"); got != "Accept" {
				t.Errorf("Vary %q", got)
			}
			etag := a.Header.Get("Etag")
			again := n.get(tt.path, append(tt.header, "If-None-Match: "+etag)...)
			if etag == "" || again.StatusCode != http.StatusNotModified || again.body != "" {
				t.Errorf("ETag %q: asked again, got %s with %d bytes", etag, again.Status, len(again.body))
			}
			head := n.do("HEAD", tt.path, "", tt.header...)
			if head.StatusCode != 200 || head.body != "" || head.ContentLength != int64(len(a.body)) || head.Header.Get("Etag") != etag {
				t.Errorf("HEAD: %s, length %d, want 200 and %d", head.Status, head.ContentLength, len(a.body))
			}
		})
	}
	t.Run("JSON is the file", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(n.archive, "2026/11/23/14/*.json"))
		if err != nil || len(files) != 1 {
			t.Fatalf("report files %q, %v", files, err)
		}
		want, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := n.get(place + ".json").body; got != string(want) {
			t.Errorf("JSON differs from %s", files[0])
		}
	})
	t.Run("other day leads to its own", func(t *testing.T) {
		a := n.get("/2026/11/22/" + id.String() + ".txt")
		if a.StatusCode != 301 || a.Header.Get("Location") != place+".txt" {
			t.Errorf("got %s to %q", a.Status, a.Header.Get("Location"))
		}
	})
	t.Run("link of the request", func(t *testing.T) {
		a := n.get("/r/"+id.String(), asBrowser)
		if a.StatusCode != 302 || a.Header.Get("Location") != place {
			t.Errorf("browser: got %s to %q", a.Status, a.Header.Get("Location"))
		}
		n.get("/r/"+id.String()).want(t, 200, "Loss%")
		n.get("/r/"+id.String()+".json", asBrowser).want(t, 200, `"mtrq":`)
	})
}

// TestReportOfNothing: a name that never resolved has no hop to draw.
func TestReportOfNothing(t *testing.T) {
	n := newNode(t)
	id := newID(noon)
	events := []report.Event{
		{E: report.EventStart, At: noon, Schema: 1, Node: "hk1", Target: &report.Target{Asked: "gone.example.net", Protocol: "icmp", Size: 64, Interval: 1000, MaxTTL: 30}},
		{E: report.EventEnd, MS: 4, Ended: report.EndedFailed, Error: "look up gone.example.net: no such host"},
	}
	rep, err := report.Fold([]report.Request{{ID: id, Accepted: noon, Source: "http"}}, report.Node{Name: "hk1"}, events, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n.archived(rep)
	a := n.get("/2026/11/23/"+id.String(), asBrowser)
	a.want(t, 200, ">gone.example.net</a></h1>", "no such host")
	if strings.Contains(a.body, "picture-title") {
		t.Error("a picture of nothing")
	}
}

func TestNotFound(t *testing.T) {
	n := newNode(t)
	n.archived(sample(newID(noon), noon))
	if err := os.WriteFile(filepath.Join(n.archive, "secret.txt"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	unknown := newID(noon).String()
	for _, path := range []string{
		"/nothing", "/2026/11/23/" + unknown, "/r/" + unknown, "/r/" + unknown[:20], "/r/last", "/2026/11/23/last",
		"/2026/02/30/", "/2026/13/01/", "/2026/1/1/", "/26/11/23/", "/2026/11/23/index.jsonl", "/2026/11/23/14", "/.mtrq",
		"/2026/11/23/..%2f..%2f..%2f..%2fsecret.txt", "/2026/11/..%2f../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
		"/2026/11/23/%00", "/assets/../pages/layout.html", "/assets/", "/secret.txt", "/r/..%2f..%2fsecret",
		"/2026/11/23/" + unknown + ".svg.txt", "/2026%2f11%2f23/" + unknown,
	} {
		t.Run(path, func(t *testing.T) {
			a := n.get(path)
			if a.StatusCode == 307 || a.StatusCode == 301 {
				a = n.get(a.Header.Get("Location")) // the path without its dots
			}
			a.want(t, 404, codeNotFound)
			if strings.Contains(a.body, "secret\n") || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control %q, body %q", a.Header.Get("Cache-Control"), a.body)
			}
		})
	}
}

func TestDay(t *testing.T) {
	n := newNode(t)
	first, second := newID(noon), newID(noon.Add(time.Hour))
	other := noon.AddDate(0, 0, -3)
	n.archived(sample(first, noon), sample(second, noon.Add(time.Hour)), sample(newID(other), other))
	page := n.get("/2026/11/23/", asBrowser)
	page.want(t, 200, "2 reports", "Asia/Hong_Kong", "14:05:32", "15:05:32", "1 of 3", "/2026/11/23/"+first.String(), "/2026/11/20/")
	if strings.Index(page.body, second.String()) > strings.Index(page.body, first.String()) {
		t.Error("the newest does not stand first")
	}
	etag := page.Header.Get("Etag")
	if a := n.get("/2026/11/23/", asBrowser, "If-None-Match: "+etag); a.StatusCode != 304 {
		t.Errorf("unchanged day asked again: %s", a.Status)
	}
	n.archived(sample(newID(noon.Add(2*time.Hour)), noon.Add(2*time.Hour)))
	if a := n.get("/2026/11/23/", asBrowser, "If-None-Match: "+etag); a.StatusCode != 200 {
		t.Errorf("changed day asked again: %s", a.Status)
	}
	text := n.get("/2026/11/23/")
	text.want(t, 200, "TIME", "2026-11-23T14:05:32+08:00", first.String())
	if strings.Count(text.body, "\n") != 4 {
		t.Errorf("want a heading and 3 lines:\n%s", text.body)
	}
	js := n.get("/2026/11/23/", asProgram)
	js.want(t, 200)
	var entries []archive.Entry
	if err := json.Unmarshal([]byte(js.body), &entries); err != nil || len(entries) != 3 || entries[2].ID != first {
		t.Errorf("JSON: %v, %d entries", err, len(entries))
	}
	n.get("/2026/11/21/", asBrowser).want(t, 200, "No report", "/2026/11/20/", "/2026/11/23/")
	n.get("/2026/11/21/", asProgram).want(t, 200, "[]")
	if a := n.get("/2026/11/23"); a.StatusCode != 301 || a.Header.Get("Location") != "/2026/11/23/" {
		t.Errorf("without slash: %s to %q", a.Status, a.Header.Get("Location"))
	}
	n.get("/2026/11/23/?before="+second.String(), asBrowser).want(t, 200, first.String())
	n.get("/2026/11/23/?before=x", asBrowser).want(t, 400, codeParameter)
	n.get("/", asBrowser).want(t, 200, "Nobody is tracing", "Latest reports, 2026-11-23", "/2026/11/20/")
	n.get("/").want(t, 200, "nobody is tracing", "/2026/11/20/")
	n.get("/", asProgram).want(t, 200, `"days":["2026-11-23","2026-11-20"]`, `"tracing":false`, `"open":[]`)
}

// TestDayIsParted: a list goes on where the page before it ended, and each
// report stands on one page.
func TestDayIsParted(t *testing.T) {
	n := newNode(t)
	var ids []string
	for i := range 7 {
		at := noon.Add(time.Duration(i) * time.Minute)
		id := newID(at)
		ids = append(ids, id.String())
		n.archived(sample(id, at))
	}
	for _, query := range []string{"limit=3", "limit=3&sort=loss", "limit=3&dir=asc", "limit=3&target=203.0.113.7"} {
		seen := map[string]int{}
		next := "/2026/11/23/?" + query
		pages := 0
		for ; next != "" && pages < 9; pages++ {
			a := n.get(next, asBrowser)
			a.want(t, 200)
			for _, id := range ids {
				if strings.Contains(a.body, "/2026/11/23/"+id+"\"") {
					seen[id]++
				}
			}
			if a.Header.Get("Mtrq-Matching") != "7" || a.Header.Get("Mtrq-Total") != "7" {
				t.Errorf("%s: %q of %q", next, a.Header.Get("Mtrq-Matching"), a.Header.Get("Mtrq-Total"))
			}
			before, _, _ := strings.Cut(a.Header.Get("Link"), ">")
			next = strings.TrimPrefix(before, "<")
		}
		if pages != 3 || len(seen) != 7 {
			t.Errorf("%s: %d pages, %d reports", query, pages, len(seen))
		}
		for id, times := range seen {
			if times != 1 {
				t.Errorf("%s: %s stands on %d pages", query, id, times)
			}
		}
	}
}

// TestDayForms: the same list in other forms, by ending and by Accept.
func TestDayForms(t *testing.T) {
	n := newNode(t)
	id := newID(noon)
	n.archived(sample(id, noon, func(q *report.Request) { q.Reason = "=1+1, \"quoted\"" }))
	for _, tt := range []struct {
		path, accept, mediaType, says string
	}{
		{"/2026/11/23.csv", asBrowser, textCSV, `"'=1+1, ""quoted"""`},
		{"/2026/11/23/", "Accept: text/csv", textCSV, "time,utc,id"},
		{"/2026/11/23.txt?loss=0", asBrowser, textPlain, id.String()},
		{"/2026/11/23.json?verdict=clean", asBrowser, appJSON, "[]"},
		{"/2026/11/23/?limit=1", "Accept: text/plain", textPlain, id.String()},
	} {
		a := n.get(tt.path, tt.accept)
		a.want(t, 200, tt.says)
		if got := a.Header.Get("Content-Type"); got != tt.mediaType {
			t.Errorf("%s: %s, want %s", tt.path, got, tt.mediaType)
		}
	}
	// A form sends its empty fields, too: the address that people see is short.
	a := n.get("/2026/11/23/?target=&loss=5&verdict=", asBrowser)
	if a.StatusCode != 303 || a.Header.Get("Location") != "/2026/11/23/?loss=5" {
		t.Errorf("%s to %q", a.Status, a.Header.Get("Location"))
	}
}

// TestBesideReport: from a report to the ones of the same target around it.
func TestBesideReport(t *testing.T) {
	n := newNode(t)
	var places []string
	for i := range 3 {
		at := noon.AddDate(0, 0, i)
		id := newID(at)
		n.archived(sample(id, at))
		places = append(places, fmt.Sprintf("/2026/11/%d/%s", 23+i, id))
	}
	for _, tt := range []struct{ from, to string }{
		{places[1] + "/older", places[0]}, {places[1] + "/newer", places[2]},
		{places[0] + "/older", "/target/203.0.113.7"}, {places[2] + "/newer", "/target/203.0.113.7"},
	} {
		a := n.get(tt.from, asBrowser)
		if a.StatusCode != 302 || a.Header.Get("Location") != tt.to {
			t.Errorf("%s leads to %s %q, want %q", tt.from, a.Status, a.Header.Get("Location"), tt.to)
		}
	}
	n.get(places[0]+"/sideways", asBrowser).want(t, 404)
}

// TestBesideSharedReport: requests that share a report are passed over,
// however many they are.
func TestBesideSharedReport(t *testing.T) {
	n := newNode(t)
	older, newer := newID(noon.AddDate(0, 0, -1)), newID(noon.AddDate(0, 0, 1))
	rep := sample(newID(noon), noon)
	ids := []ulid.ULID{rep.Evidence.ID}
	for i := range 24 {
		q := rep.Evidence.Requests[0]
		q.Accepted = noon.Add(time.Duration(i+1) * 200 * time.Millisecond)
		q.ID = newID(q.Accepted)
		rep.Evidence.Requests = append(rep.Evidence.Requests, q)
		ids = append(ids, q.ID)
	}
	n.archived(sample(older, noon.AddDate(0, 0, -1)), rep, sample(newer, noon.AddDate(0, 0, 1)))
	for _, id := range ids {
		place := "/2026/11/23/" + id.String()
		for which, want := range map[string]string{"older": "/2026/11/22/" + older.String(), "newer": "/2026/11/24/" + newer.String()} {
			if a := n.get(place+"/"+which, asBrowser); a.Header.Get("Location") != want {
				t.Errorf("%s of %s leads to %s, want %s", which, id, a.Header.Get("Location"), want)
			}
		}
	}
}

// TestToday: a page that is kept links to no day that passes.
func TestToday(t *testing.T) {
	now := noon
	n := newNode(t, func(s *Server) { s.Now = func() time.Time { return now } })
	id := newID(noon.AddDate(0, 0, -7))
	n.archived(sample(id, noon.AddDate(0, 0, -7)))
	for _, day := range []string{"23", "24"} {
		if page := n.get("/2026/11/16/"+id.String(), asBrowser); strings.Contains(page.body, "/2026/11/23") || !strings.Contains(page.body, `href="/today"`) {
			t.Error("the page links to the day on which it was made")
		}
		if a := n.get("/today", asBrowser); a.StatusCode != http.StatusFound || a.Header.Get("Location") != "/2026/11/"+day+"/" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("leads to %s, %s", a.Header.Get("Location"), a.Header.Get("Cache-Control"))
		}
		now = now.AddDate(0, 0, 1)
	}
}

// TestRequestFollowed takes a request from accepted to reported and asks
// at its link all the way.
func TestRequestFollowed(t *testing.T) {
	n := newNode(t)
	n.tracing()
	id, _, _ := strings.Cut(n.get("/api/mtr?ip=203.0.113.7").body, " ")
	link := "/r/" + id
	state := func(want jobState, says string, header ...string) answer {
		t.Helper()
		a := n.get(link, header...)
		a.want(t, 200, says)
		if got := a.Header.Get("Mtrq-State"); got != string(want) || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("state %q, Cache-Control %q; want %q, not kept", got, a.Header.Get("Cache-Control"), want)
		}
		return a
	}
	state(jobWaiting, "waiting")
	state(jobWaiting, `http-equiv="refresh"`, asBrowser)
	state(jobWaiting, `"state":"waiting"`, asProgram)

	claim := n.claims()[0]
	state(jobWaiting, "waiting") // claimed, nothing seen yet
	rep := sample(claim.ID, claim.Job.Accepted)
	start := report.Event{E: report.EventStart, At: rep.Evidence.Times.Started, Schema: 1, Node: "hk1", Target: &rep.Evidence.Target}
	us := int64(9120)
	see := func(e report.Event) {
		t.Helper()
		if err := claim.Append(report.AppendEvent(nil, e)); err != nil {
			t.Fatal(err)
		}
	}
	see(start)
	state(jobWaiting, "waiting")
	see(report.Event{E: report.EventProbe, N: 0, TTL: 0, MS: 0.2, DeadlineMS: 1000, Kind: report.KindReply, US: &us, Addr: rep.Evidence.Target.Address})
	state(jobRunning, "203.0.113.7")
	state(jobRunning, `"ended":"running"`, asProgram)
	page := state(jobRunning, "Running.", asBrowser)
	if !strings.Contains(page.body, `http-equiv="refresh"`) {
		t.Error("the page of a running trace does not ask again")
	}
	if err := n.spool.WriteRunState(spool.RunState{}); err != nil {
		t.Fatal(err)
	}
	state(jobRunning, "Cut short:", asBrowser)

	n.archived(rep)
	if err := claim.Finish(); err != nil {
		t.Fatal(err)
	}
	a := n.get(link)
	a.want(t, 200, "Loss%")
	if a.Header.Get("Mtrq-State") != string(jobDone) || a.Header.Get("Cache-Control") != cacheAsk {
		t.Errorf("finished: state %q, Cache-Control %q", a.Header.Get("Mtrq-State"), a.Header.Get("Cache-Control"))
	}
}

func TestBadJob(t *testing.T) {
	n := newNode(t)
	id, _, _ := strings.Cut(n.get("/api/mtr?ip=203.0.113.7").body, " ")
	if err := n.claims()[0].Bad("no mtr-packet <here>"); err != nil {
		t.Fatal(err)
	}
	n.get("/r/"+id).want(t, 410, codeJobBad, "no mtr-packet <here>")
	n.get("/r/"+id, asBrowser).want(t, 410, codeJobBad, "no mtr-packet &lt;here&gt;")
}

// TestHostileWords: what strangers wrote must be seen as they wrote it
// and do nothing.
func TestHostileWords(t *testing.T) {
	const words = "</pre><script>alert(1)</script>\"'><img src=x onerror=y>\x1b[2J\u202etxt"
	n := newNode(t)
	id := newID(noon)
	rep := sample(id, noon, func(q *report.Request) {
		q.Reason, q.Event, q.By, q.Tags = words, words, words, map[string]string{"a": words}
	})
	rep.Evidence.Error, rep.Evidence.Notes, rep.Evidence.Node.Place = words, []string{words}, words
	n.archived(rep)
	for _, path := range []string{"/", "/2026/11/23/", "/2026/11/23/" + id.String(), "/2026/11/23.csv"} {
		for _, as := range []string{asBrowser, "Accept: text/plain"} {
			a := n.get(path, as)
			a.want(t, 200)
			if strings.ContainsAny(a.body, "\x1b\u202e") {
				t.Errorf("%s, %s: a control character got through", path, as)
			}
			if as == asBrowser && path != "/2026/11/23.csv" && (strings.Contains(a.body, "<script>") || strings.Contains(a.body, "<img")) {
				t.Errorf("%s: markup got through:\n%s", path, a.body)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	n := newNode(t)
	for _, path := range []string{"/", "/nothing", "/api/mtr?ip=", "/assets/style.css", "/healthz", "/2026/11/23/"} {
		a := n.get(path, asBrowser)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
		} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s %q, want %q", path, name, got, want)
			}
		}
		for _, inline := range []string{"<script>", "<style", "style=", "onclick", "javascript:", "http://cdn", "https://"} {
			if strings.Contains(a.body, inline) {
				t.Errorf("%s: the page has %q", path, inline)
			}
		}
	}
	css := n.get("/assets/style.css")
	css.want(t, 200, "prefers-color-scheme")
	if got := css.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("style sheet has Content-Type %q", got)
	}
}

func TestReadingMethodsAndHosts(t *testing.T) {
	n := newNode(t, func(s *Server) { s.PublicURL = publicURLs(t, "https://mtr.example.net") })
	for _, tt := range []struct {
		name, method, path string
		header             []string
		status             int
	}{
		{"POST a page", "POST", "/", nil, 405},
		{"DELETE a report", "DELETE", "/2026/11/23/" + ulid.ULID{}.String(), nil, 405},
		{"rebound name on loopback", "GET", "/", []string{"Host: evil.example"}, 403},
		{"public name", "GET", "/", []string{"Host: mtr.example.net"}, 200},
		{"a link on another site", "GET", "/", []string{"Sec-Fetch-Site: cross-site", "Referer: https://tickets.example/"}, 200},
		{"health under any name", "GET", "/healthz", []string{"Host: lb.example"}, 200},
		{"health, HEAD", "HEAD", "/healthz", nil, 200},
		{"not ready", "GET", "/readyz", nil, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := n.do(tt.method, tt.path, "", tt.header...)
			if a.StatusCode != tt.status || a.StatusCode == 405 && a.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("got %s, Allow %q, want %d", a.Status, a.Header.Get("Allow"), tt.status)
			}
		})
	}
	n.tracing()
	n.get("/readyz").want(t, 200, "ok")
	st, _, _ := n.spool.RunState(noon)
	st.Health = []spool.Health{{What: spool.HealthProbing, Hint: "start mtr-packet: it is missing"}}
	if err := n.spool.WriteRunState(st); err != nil {
		t.Fatal(err)
	}
	n.get("/readyz").want(t, 503, "mtrq run can send no probes: start mtr-packet: it is missing")
}

// TestVerdictSpeaksChinese: the sentence that everybody reads first is in the
// language of the page.
func TestVerdictSpeaksChinese(t *testing.T) {
	n := newNode(t)
	id := newID(noon)
	n.archived(sample(id, noon))
	for lang, want := range map[string]string{"zh-CN": "探测", "en": "probes"} {
		page := n.get("/2026/11/23/"+id.String(), asBrowser, "Accept-Language: "+lang)
		_, sentence, ok := strings.Cut(page.body, `<p class="sentence">`)
		sentence, _, _ = strings.Cut(sentence, "</p>")
		if !ok || !strings.Contains(sentence, want) {
			t.Errorf("%s: the sentence is %q, want %q in it", lang, sentence, want)
		}
	}
}
