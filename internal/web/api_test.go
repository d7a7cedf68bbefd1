package web

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/spool"
)

func decoded[T any](t *testing.T, a answer) T {
	t.Helper()
	a.want(t, 200)
	var v T
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v\n%s", err, a.body)
	}
	return v
}

// TestDays: another node follows this one: it asks how much there is,
// fetches what it lacks by Range, and sees when an index is another.
func TestDays(t *testing.T) {
	n := newNode(t)
	type days struct {
		Zone string
		Days []struct {
			Day        string
			Bytes      int
			Generation string
		}
	}
	if d := decoded[days](t, n.get("/api/v1/days")); d.Days == nil || len(d.Days) != 0 {
		t.Errorf("no archive, but days %v", d.Days)
	}
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.FixedZone("", 8*3600))
	n.archived(sample(newID(at), at), sample(newID(at.Add(24*time.Hour)), at.Add(24*time.Hour)))
	d := decoded[days](t, n.get("/api/v1/days"))
	if d.Zone != "Asia/Hong_Kong" || len(d.Days) != 2 || d.Days[0].Day != "2026-11-24" || d.Days[1].Day != "2026-11-23" {
		t.Fatalf("days %+v", d)
	}
	if d := decoded[days](t, n.get("/api/v1/days?limit=1")); len(d.Days) != 1 || d.Days[0].Day != "2026-11-24" {
		t.Errorf("limit=1: %+v", d)
	}
	if d := decoded[days](t, n.get("/api/v1/days?since=2026-11-24")); len(d.Days) != 1 {
		t.Errorf("since: %+v", d)
	}
	whole := n.get("/api/v1/days/2026-11-23")
	whole.want(t, 200, `{"schema":1,"generation":"`+d.Days[1].Generation)
	if len(whole.body) != d.Days[1].Bytes || strings.Count(whole.body, "\n") != 2 || whole.Header.Get("Mtrq-Generation") != d.Days[1].Generation {
		t.Errorf("%d bytes, generation %s; /api/v1/days says %+v", len(whole.body), whole.Header.Get("Mtrq-Generation"), d.Days[1])
	}
	path := "/api/v1/days/2026-11-23"
	from := func(bytes int) answer { return n.get(path, "Range: bytes="+strconv.Itoa(bytes)+"-") }
	from(len(whole.body)).want(t, http.StatusRequestedRangeNotSatisfiable)
	n.get(path, "If-None-Match: "+whole.Header.Get("ETag")).want(t, 304)

	// A writer is in the middle of a line: it is not shown.
	index := filepath.Join(n.archive, "2026/11/23/index.jsonl")
	f, err := os.OpenFile(index, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"01KAR1`); err != nil {
		t.Fatal(err)
	}
	from(len(whole.body)).want(t, http.StatusRequestedRangeNotSatisfiable)
	rest := `ABTB5H2ZJ0Q4V7W8X9YZ"}` + "\n"
	if _, err := f.WriteString(rest + `{"id`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	more := from(len(whole.body))
	more.want(t, 206)
	if more.body != `{"id":"01KAR1`+rest || more.Header.Get("ETag") == whole.Header.Get("ETag") {
		t.Errorf("the rest is %q, ETag %s", more.body, more.Header.Get("ETag"))
	}

	for path, want := range map[string]int{
		"/api/v1/days/2026-11-25": 404, "/api/v1/days/2026-02-30": 404, "/api/v1/days/..%2f..%2fetc": 404, "/api/v1/days/2026-11-23?x=1": 400,
		"/api/v1/days?limit=0": 400, "/api/v1/days?since=yesterday": 400, "/api/v1/days?since=": 400, "/api/v1/days?since=1h&since=2h": 400,
	} {
		n.get(path).want(t, want)
	}
}

// TestDaysThatCannotBeCopied: a link, rubbish and the index of a newer
// mtrq are no days to follow, and hide no other.
func TestDaysThatCannotBeCopied(t *testing.T) {
	n := newNode(t)
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	n.archived(sample(newID(at), at))
	write := func(day, text string) {
		dir := filepath.Join(n.archive, day)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "index.jsonl"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("2026/11/24", "")
	write("2026/11/25", "rubbish\n")
	write("2026/11/26", `{"schema":99,"generation":"x"}`+"\n")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(`{"schema":1,"generation":"x"}`+"\nsecret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(n.archive, "2026/11/27"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(n.archive, "2026/11/27/index.jsonl")); err != nil {
		t.Fatal(err)
	}
	if a := n.get("/api/v1/days"); strings.Count(a.body, `"day"`) != 1 {
		t.Errorf("days %s", a.body)
	}
	for _, day := range []string{"24", "25", "26", "27"} {
		if a := n.get("/api/v1/days/2026-11-" + day); a.StatusCode < 400 || strings.Contains(a.body, "secret") {
			t.Errorf("day %s: %s %s", day, a.Status, a.body)
		}
	}
}

func TestAPIReport(t *testing.T) {
	n := newNode(t)
	at := time.Now().Add(-time.Hour)
	id := newID(at)
	n.archived(sample(id, at))
	a := n.get("/api/v1/reports/" + id.String())
	a.want(t, 200, `"mtrq"`, id.String())
	n.get("/api/v1/reports/"+id.String(), "If-None-Match: "+a.Header.Get("ETag")).want(t, 304)
	n.get("/api/v1/reports/"+newID(at).String()).want(t, 404)
	n.get("/api/v1/reports/nonsense").want(t, 404)
	// A shared cache would hand on to everybody what one with a token got.
	for _, path := range []string{"/api/v1/reports/" + id.String(), a.Header.Get("Content-Location")} {
		if got := n.get(path).Header.Get("Cache-Control"); got != "private, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
}

// TestAPIJob follows a request from the door to its report.
func TestAPIJob(t *testing.T) {
	n := newNode(t)
	n.get("/api/v1/jobs/"+newID(time.Now()).String()).want(t, 404, codeNotFound)
	n.get("/api/mtr?ip=203.0.113.7").want(t, 202)
	names, err := os.ReadDir(filepath.Join(n.spool.Dir(), "new"))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	id := ulid.MustParse(strings.TrimSuffix(names[0].Name(), ".job"))
	path := "/api/v1/jobs/" + id.String()
	if st := decoded[jobJSON](t, n.get(path)); st.State != jobWaiting || st.Tracing || st.Note == "" || st.URL != n.http.URL+"/r/"+id.String() || st.Report != "" {
		t.Errorf("accepted: %+v", st)
	}
	n.tracing()
	got := make(chan answer)
	go func() { got <- n.get(path + "?wait=60") }()
	claims := n.claims()
	n.archived(sample(claims[0].ID, claims[0].Job.Accepted))
	if st := decoded[jobJSON](t, <-got); st.State != jobDone || st.Report != n.http.URL+"/api/v1/reports/"+id.String() {
		t.Errorf("waited: %+v", st)
	}
	n.get(path+"?wait=61").want(t, 400)
}

func TestAPITargets(t *testing.T) {
	var passed time.Duration
	n := newNode(t, func(s *Server) { s.Now = func() time.Time { return time.Now().Add(passed) } })
	if st := decoded[targetsJSON](t, n.get("/api/v1/targets")); st.Watching || st.Note == "" || st.Totals != nil || st.Targets == nil {
		t.Errorf("nobody watches: %+v", st)
	}
	n.watching()
	passed += watchKept
	for query, want := range map[string]string{
		"": "203.0.113.7 edge.example.net 203.0.113.9", "?state=lossy": "203.0.113.7", "?target=EDGE.example.net": "edge.example.net",
		"?group=customers": "edge.example.net", "?limit=1": "203.0.113.7", "?state=paused": "", "?target=203.0.113.7": "203.0.113.7",
	} {
		st := decoded[targetsJSON](t, n.get("/api/v1/targets"+query))
		var got []string
		for _, x := range st.Targets {
			got = append(got, x.Target)
		}
		if strings.Join(got, " ") != want || !st.Watching || query == "?limit=1" && st.Matching != 3 {
			t.Errorf("%q: %q of %d, want %q", query, got, st.Matching, want)
		}
	}
	n.get("/api/v1/targets?state=well").want(t, 400, "allowed are ok, suspect")
	n.watching(func(st *spool.WatchState) { st.At = time.Now().Add(-time.Minute) })
	passed += watchKept
	if st := decoded[targetsJSON](t, n.get("/api/v1/targets")); st.Watching || st.Note == "" || len(st.Targets) != 3 {
		t.Errorf("long ago: %+v", st)
	}
	if err := os.WriteFile(filepath.Join(n.spool.Dir(), "state", spool.WatchStateFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	passed += watchKept
	n.get("/api/v1/targets").want(t, 503, codeUnavailable)
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	hk := time.FixedZone("HKT", 8*3600)
	for text, want := range map[string]string{
		"2026-11-23": "2026-11-22T16:00:00Z", "2026-11-23T14:05:00+08:00": "2026-11-23T06:05:00Z", "90m": "2026-11-24T10:30:00Z", "2d": "2026-11-22T12:00:00Z", "0s": "2026-11-24T12:00:00Z",
		"": "", "-1h": "", "yesterday": "", "d": "", "-3d": "", "9999999d": "", "1e3h": "", "2026-13-01": "", "12": "",
	} {
		p := &paramReader{values: url.Values{"since": {text}}}
		got := p.moment("since", now, hk)
		if (p.problem != nil) != (want == "") || want != "" && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: %s, %+v; want %q", text, got, p.problem, want)
		}
	}
}

// FuzzQueries: whatever the parameters of a request that reads, it is
// answered, never with a fault of ours, and a refusal fits on a terminal.
func FuzzQueries(f *testing.F) {
	for _, q := range []string{"", "since=1h", "since=2026-11-23&limit=5", "limit=-1", "state=open&target=203.0.113.7", "wait=0", "%zz", "a;b", "since=%1b%e2%80%ae", "limit=99999999999999999999", "target=..%2f&group=%00"} {
		f.Add(q)
	}
	sp, err := spool.Open(f.TempDir(), spool.Options{})
	if err != nil {
		f.Fatal(err)
	}
	ar, err := archive.Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	s := &Server{Spool: sp, Archive: ar, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	h := s.Handler()
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/api/v1/days", "/api/v1/days/2026-11-23", "/api/v1/incidents", "/api/v1/targets", "/api/v1/jobs/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ", "/metrics"} {
			r := httptest.NewRequest("GET", "http://127.0.0.1"+path, nil)
			r.URL.RawQuery = query
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if body := w.Body.String(); w.Code >= 500 || w.Code >= 400 && clean(strings.ReplaceAll(body, "\n", " ")) != strings.ReplaceAll(body, "\n", " ") {
				t.Errorf("%s?%s: %d %q", path, query, w.Code, body)
			}
		}
	})
}
