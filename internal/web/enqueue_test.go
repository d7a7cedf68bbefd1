package web

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/spool"
)

const form = "Content-Type: application/x-www-form-urlencoded"

func TestEnqueue(t *testing.T) {
	for _, tt := range []struct {
		name               string
		method, path, body string
		header             []string
		want               spool.Job
	}{
		{"GET", "GET", "/api/mtr?ip=203.0.113.7", "", nil, spool.Job{Target: "203.0.113.7"}},
		{"GET with all", "GET", "/api/mtr?ip=203.0.113.7&event=e1&reason=loss+over+20+%25&protocol=tcp&port=443&size=60&tos=8&family=4&interval=200ms&rounds=7&max_ttl=9&tag=a%3Db", "", nil,
			spool.Job{Target: "203.0.113.7", Event: "e1", Reason: "loss over 20 %", Protocol: "tcp", Port: 443, Size: 60, TOS: 8, Family: "4", Interval: 200 * time.Millisecond, Rounds: 7, MaxTTL: 9, Tags: map[string]string{"a": "b"}}},
		{"GET IPv6", "GET", "/api/mtr?ip=[2001:db8::7]", "", nil, spool.Job{Target: "2001:db8::7"}},
		{"GET name", "GET", "/api/mtr?ip=edge.example.net", "", nil, spool.Job{Target: "edge.example.net"}},
		{"POST form", "POST", "/api/mtr", "ip=203.0.113.7&event=e2", []string{form}, spool.Job{Target: "203.0.113.7", Event: "e2"}},
		{"POST query and form", "POST", "/api/mtr?ip=203.0.113.7", "event=e3", []string{form}, spool.Job{Target: "203.0.113.7", Event: "e3"}},
		{"POST query only", "POST", "/api/mtr?ip=203.0.113.7", "", nil, spool.Job{Target: "203.0.113.7"}},
		{"from an own page", "POST", "/api/mtr?ip=203.0.113.7", "", []string{"Sec-Fetch-Site: same-origin"}, spool.Job{Target: "203.0.113.7"}},
		{"JSON", "POST", "/api/v1/jobs", `{"target":"203.0.113.7","reason":"why","protocol":"udp","port":33434,"interval":"1s","tags":{"a":"b"}}`, []string{"Content-Type: application/json"},
			spool.Job{Target: "203.0.113.7", Reason: "why", Protocol: "udp", Port: 33434, Interval: time.Second, Tags: map[string]string{"a": "b"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t)
			n.tracing()
			before := time.Now()
			a := n.do(tt.method, tt.path, tt.body, tt.header...)
			a.want(t, http.StatusAccepted)
			claims := n.claims()
			if len(claims) != 1 {
				t.Fatalf("%d jobs in the spool, want 1", len(claims))
			}
			got := claims[0].Job
			want := tt.want // what is left open stays open: run fills it in
			want.Source, want.By, want.ID = "http", "127.0.0.1", got.ID
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(spool.Job{}, "Accepted"), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("job (-want +got):\n%s", d)
			}
			if got.Accepted.Before(before) {
				t.Errorf("accepted %s, before it was asked for at %s", got.Accepted, before)
			}
			id := got.ID.String()
			if loc := a.Header.Get("Location"); loc != "/r/"+id {
				t.Errorf("Location %q", loc)
			}
			if a.Header.Get("Content-Type") == appJSON {
				a.want(t, 202, `"id":"`+id+`"`, `"url":"`+n.http.URL+"/r/"+id+`"`, `"tracing":true`)
				return
			}
			if want := id + " " + n.http.URL + "/r/" + id + "\n"; a.body != want {
				t.Errorf("body %q, want %q", a.body, want)
			}
		})
	}
}

func TestEnqueueRefuses(t *testing.T) {
	const ok = "/api/mtr?ip=203.0.113.7"
	const js = "Content-Type: application/json"
	for _, tt := range []struct {
		name               string
		method, path, body string
		header             []string
		status             int
		code               string
	}{
		{"HEAD causes no trace", "HEAD", ok, "", nil, 405, ""},
		{"PUT", "PUT", ok, "", nil, 405, codeMethod},
		{"OPTIONS, a preflight", "OPTIONS", ok, "", []string{"Origin: http://evil.example"}, 405, codeMethod},
		{"rebound name", "GET", ok, "", []string{"Host: evil.example:8081"}, 403, codeHost},
		{"foreign page", "GET", ok, "", []string{"Sec-Fetch-Site: cross-site"}, 403, codeOrigin},
		{"foreign form", "POST", "/api/mtr", "ip=203.0.113.7", []string{form, "Origin: http://evil.example"}, 403, codeOrigin},
		{"prefetch", "GET", ok, "", []string{"Sec-Purpose: prefetch;prerender"}, 403, codeOrigin},
		{"through a proxy", "GET", ok, "", []string{"X-Forwarded-For: 127.0.0.1"}, 403, codeClient},
		{"through a proxy, Via", "GET", ok, "", []string{"Via: 1.1 squid"}, 403, codeClient},
		{"empty ip", "GET", "/api/mtr?ip=", "", nil, 400, codeTarget},
		{"no parameters", "GET", "/api/mtr", "", nil, 400, codeTarget},
		{"semicolon", "GET", ok + ";reboot", "", nil, 400, codeParameter},
		{"bad percent", "GET", "/api/mtr?ip=%zz", "", nil, 400, codeParameter},
		{"in query and form", "POST", ok, "ip=203.0.113.8", []string{form}, 400, codeParameter},
		{"form without its type", "POST", "/api/mtr", "ip=203.0.113.7", nil, 415, codeMedia},
		{"form of text/plain", "POST", "/api/mtr", "ip=203.0.113.7", []string{"Content-Type: text/plain"}, 400, codeTarget},
		{"macro that nobody filled in", "GET", "/api/mtr?ip={HOST.CONN}", "", nil, 400, codeTarget},
		{"list, one bad", "POST", "/api/mtr", "203.0.113.7\n203.0.113.8/24\n", []string{"Content-Type: text/plain"}, 400, codeTarget},
		{"list, one refused", "POST", "/api/mtr", "203.0.113.7\n127.0.0.1\n", []string{"Content-Type: text/plain"}, 403, codePolicy},
		{"list, empty", "POST", "/api/mtr", "# none\n\n", []string{"Content-Type: text/plain"}, 400, codeBody},
		{"list, too long", "POST", "/api/mtr", strings.Repeat("203.0.113.7\n", maxJobs+1), []string{"Content-Type: text/plain"}, 400, codeBody},
		{"list beyond 1 MiB", "POST", "/api/mtr", strings.Repeat("203.0.113.7\n", maxJobsBody/12+1), []string{"Content-Type: text/plain"}, 413, codeTooLarge},
		{"list and query", "POST", ok, "203.0.113.8\n", []string{"Content-Type: text/plain"}, 400, codeParameter},
		{"list that waits", "POST", "/api/mtr?wait=3", "203.0.113.7\n203.0.113.8\n", []string{"Content-Type: text/plain"}, 400, codeParameter},
		{"jobs as a form that waits", "POST", "/api/v1/jobs", "target=203.0.113.7&wait=3", []string{form}, 400, codeParameter},
		{"jobs as a form with ip", "POST", "/api/v1/jobs", "ip=203.0.113.7", []string{form}, 400, codeParameter},
		{"jobs without a type", "POST", "/api/v1/jobs", "203.0.113.7", nil, 415, codeMedia},
		{"JSON at the wrong door", "POST", "/api/mtr", `{"target":"203.0.113.7"}`, []string{js}, 415, codeMedia},
		{"form beyond 64 KiB", "POST", "/api/mtr", "ip=203.0.113.7&reason=" + strings.Repeat("x", maxForm), []string{form}, 413, codeTooLarge},
		{"loopback", "GET", "/api/mtr?ip=127.0.0.1", "", nil, 403, codePolicy},
		{"loopback as IPv4 in IPv6", "GET", "/api/mtr?ip=::ffff:127.0.0.1", "", nil, 403, codePolicy},
		{"link-local", "GET", "/api/mtr?ip=fe80::1", "", nil, 403, codePolicy},
		{"multicast", "GET", "/api/mtr?ip=224.0.0.1", "", nil, 403, codePolicy},
		{"broadcast", "GET", "/api/mtr?ip=255.255.255.255", "", nil, 403, codePolicy},
		{"unspecified", "GET", "/api/mtr?ip=::", "", nil, 403, codePolicy},
		{"denied by [targets]", "GET", "/api/mtr?ip=198.18.5.9", "", nil, 403, codePolicy},
		{"port outside [serve] ports", "GET", ok + "&protocol=tcp&port=22", "", nil, 403, codePolicy},
		{"JSON of another type", "POST", "/api/v1/jobs", `{"target":"203.0.113.7"}`, []string{form}, 400, codeTarget},
		{"JSON, unknown key", "POST", "/api/v1/jobs", `{"target":"203.0.113.7","reson":"x"}`, []string{js}, 400, codeBody},
		{"JSON, two values", "POST", "/api/v1/jobs", `{"target":"203.0.113.7"}{}`, []string{js}, 400, codeBody},
		{"JSON, no target", "POST", "/api/v1/jobs", `{}`, []string{js}, 400, codeTarget},
		{"JSON, shell in target", "POST", "/api/v1/jobs", `{"target":"$(reboot)"}`, []string{js}, 400, codeTarget},
		{"JSON, port 0", "POST", "/api/v1/jobs", `{"target":"203.0.113.7","protocol":"tcp","port":0}`, []string{js}, 400, codeJob},
		{"JSON, loopback", "POST", "/api/v1/jobs", `{"target":"::1"}`, []string{js}, 403, codePolicy},
		{"JSON, GET", "GET", "/api/v1/jobs", "", nil, 405, codeMethod},
		{"JSON, parameters", "POST", "/api/v1/jobs?reason=x", `{"target":"203.0.113.7"}`, []string{js}, 400, codeParameter},
		{"batch, empty", "POST", "/api/v1/jobs", `{"jobs":[]}`, []string{js}, 400, codeBody},
		{"batch, one bad", "POST", "/api/v1/jobs", `{"jobs":[{"target":"203.0.113.7"},{"target":"a b"}]}`, []string{js}, 400, codeTarget},
		{"batch, one refused", "POST", "/api/v1/jobs", `{"jobs":[{"target":"203.0.113.7"},{"target":"127.0.0.1"}]}`, []string{js}, 403, codePolicy},
		{"batch, key beside jobs", "POST", "/api/v1/jobs", `{"jobs":[{"target":"203.0.113.7"}],"reason":"x"}`, []string{js}, 400, codeBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t)
			a := n.do(tt.method, tt.path, tt.body, tt.header...)
			a.want(t, tt.status, tt.code)
			if tt.status == 405 && a.Header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if c := n.claims(); len(c) != 0 {
				t.Errorf("refused, but in the spool: %+v", c[0].Job)
			}
		})
	}
}

func TestEnqueueBatch(t *testing.T) {
	n := newNode(t)
	n.tracing()
	a := n.do("POST", "/api/v1/jobs", `{"jobs":[{"target":"203.0.113.7","reason":"storm"},{"target":"2001:db8::7","reason":"storm"}]}`, "Content-Type: application/json")
	a.want(t, 202)
	var got struct {
		Jobs []struct{ Target, ID, URL string }
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	claims := n.claims()
	if len(got.Jobs) != 2 || len(claims) != 2 {
		t.Fatalf("%d answered, %d in the spool, want 2", len(got.Jobs), len(claims))
	}
	for i, c := range claims {
		if c.ID.String() != got.Jobs[i].ID || c.Job.Target != got.Jobs[i].Target || c.Job.Reason != "storm" {
			t.Errorf("job %d: answered %+v, in the spool %+v", i, got.Jobs[i], c.Job)
		}
	}
}

// TestEnqueueList: the same targets in every form that a list can have.
func TestEnqueueList(t *testing.T) {
	const plain = "Content-Type: text/plain"
	want := []string{"203.0.113.7", "2001:db8::7", "edge.example.net"}
	for _, tt := range []struct {
		name, path, body, header string
	}{
		{"plain", "/api/mtr?reason=storm", "203.0.113.7\n# a comment\n\n [2001:DB8::7]\r\nedge.example.net", plain},
		{"curl --data-binary @file", "/api/mtr?reason=storm", "203.0.113.7\n2001:db8::7\nedge.example.net\n", form},
		{"plain to /api/v1/jobs", "/api/v1/jobs?reason=storm", "203.0.113.7\n2001:db8::7\nedge.example.net\n", plain},
		{"form", "/api/v1/jobs", "target=203.0.113.7&target=2001%3Adb8::7&target=edge.example.net&reason=storm", form},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t)
			n.tracing()
			a := n.do("POST", tt.path, tt.body, tt.header)
			a.want(t, 202)
			claims := n.claims()
			if len(claims) != len(want) {
				t.Fatalf("%d jobs in the spool, want %d", len(claims), len(want))
			}
			at := -1
			for i, c := range claims {
				if c.Job.Target != want[i] || c.Job.Reason != "storm" || c.Job.Source != "http" || c.Job.By != "127.0.0.1" {
					t.Errorf("job %d: %+v", i, c.Job)
				}
				place := strings.Index(a.body, n.http.URL+"/r/"+c.ID.String())
				if place <= at {
					t.Errorf("the answer does not name job %d in its place:\n%s", i, a.body)
				}
				at = place
			}
		})
	}
}

// TestEnqueueOneInTheBody: curl -d 203.0.113.7 is the shortest command
// there is, and answers as a query does.
func TestEnqueueOneInTheBody(t *testing.T) {
	n := newNode(t)
	n.tracing()
	for _, body := range []string{"203.0.113.7", "2001%3Adb8%3A%3A7", "[2001:db8::7]\n"} {
		a := n.do("POST", "/api/mtr", body, form)
		a.want(t, 202, " "+n.http.URL+"/r/")
		if a.Header.Get("Location") == "" || strings.Count(a.body, "\n") != 1 {
			t.Errorf("body %q: Location %q, answer %q", body, a.Header.Get("Location"), a.body)
		}
	}
}

// TestEnqueueMixed: each job of a batch has options of its own.
func TestEnqueueMixed(t *testing.T) {
	n := newNode(t)
	n.tracing()
	a := n.do("POST", "/api/v1/jobs", `{"jobs":[{"target":"203.0.113.7","event":"e1"},{"target":"203.0.113.8","event":"e2","tags":{"a":"b"}},{"target":"203.0.113.9","event":"e1"}]}`, "Content-Type: application/json")
	a.want(t, 202)
	var got struct {
		Jobs []struct{ Target, ID string }
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	byID := map[string]spool.Job{}
	for _, c := range n.claims() {
		byID[c.ID.String()] = c.Job
	}
	if len(got.Jobs) != 3 || len(byID) != 3 {
		t.Fatalf("%d answered, %d in the spool, want 3", len(got.Jobs), len(byID))
	}
	for i, event := range []string{"e1", "e2", "e1"} {
		if j := byID[got.Jobs[i].ID]; j.Target != got.Jobs[i].Target || j.Event != event || (j.Tags["a"] == "b") != (i == 1) {
			t.Errorf("job %d: answered %+v, in the spool %+v", i, got.Jobs[i], j)
		}
	}
}

// halfFull takes jobs of their own and refuses batches.
type halfFull struct{ *spool.Spool }

func (halfFull) SubmitBatch(context.Context, spool.Job, []string) ([]ulid.ULID, error) {
	return nil, spool.ErrFull
}

// TestEnqueueHalf: when the disk fills up in the middle of a mixed
// batch, the answer names what was accepted.
func TestEnqueueHalf(t *testing.T) {
	n := newNode(t)
	n.Spool = halfFull{n.spool}
	body := `{"jobs":[{"target":"203.0.113.7"},{"target":"203.0.113.8","event":"alone"},{"target":"203.0.113.9"}]}`
	a := n.do("POST", "/api/v1/jobs", body, "Content-Type: application/json", "Accept: application/json")
	a.want(t, 507, codeFull)
	claims := n.claims()
	if len(claims) != 1 || claims[0].Job.Target != "203.0.113.8" {
		t.Fatalf("in the spool: %+v", claims)
	}
	a.want(t, 507, `"accepted":["`+claims[0].ID.String()+`"]`)
}

// TestPortLeftOpen: run fills it in from its configuration and asks the
// policy then; a guess here could refuse what run allows.
func TestPortLeftOpen(t *testing.T) {
	n := newNode(t, func(s *Server) { s.Policy.Ports = []trace.PortRange{{Low: 8443, High: 8443}} })
	n.get("/api/mtr?ip=203.0.113.7&protocol=tcp").want(t, 202)
	n.get("/api/mtr?ip=203.0.113.7&protocol=tcp&port=443").want(t, 403, codePolicy)
}

func TestEnqueueSaysThatNobodyTraces(t *testing.T) {
	n := newNode(t)
	a := n.get("/api/mtr?ip=203.0.113.7")
	a.want(t, 202, "nobody is tracing")
	if lines := strings.Split(strings.TrimSuffix(a.body, "\n"), "\n"); len(lines) != 2 || !strings.Contains(lines[0], " http://") {
		t.Errorf("want ID and link in the first line, the rest in the second:\n%s", a.body)
	}
	if err := n.spool.WriteRunState(spool.RunState{At: time.Now().Add(-6 * time.Second), State: "running"}); err != nil {
		t.Fatal(err)
	}
	n.get("/api/mtr?ip=203.0.113.7").want(t, 202, "nobody is tracing")
	n.tracing()
	if a := n.get("/api/mtr?ip=203.0.113.7"); strings.Contains(a.body, "nobody") {
		t.Errorf("run is here, but:\n%s", a.body)
	}
	n.get("/api/mtr?ip=203.0.113.7", "Accept: application/json").want(t, 202, `"tracing":true`)
}

func TestEnqueueLinksUsePublicURL(t *testing.T) {
	n := newNode(t, func(s *Server) { s.PublicURL = publicURLs(t, "https://mtr.example.net/", "http://hk1.example.net") })
	n.get("/api/mtr?ip=203.0.113.7", "Host: hk1.example.net").want(t, 202, " https://mtr.example.net/r/")
}

func TestSpoolFull(t *testing.T) {
	full, err := spool.Open(t.TempDir(), spool.Options{ReserveBytes: math.MaxUint64})
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t, func(s *Server) { s.Spool = full })
	a := n.get("/api/mtr?ip=203.0.113.7")
	a.want(t, 507, codeFull)
	if a.Header.Get("Retry-After") == "" {
		t.Error("507 without Retry-After")
	}
}

func TestSpoolBroken(t *testing.T) {
	n := newNode(t)
	if err := os.Remove(filepath.Join(n.spool.Dir(), "new")); err != nil {
		t.Fatal(err)
	}
	a := n.get("/api/mtr?ip=203.0.113.7")
	a.want(t, 503, codeUnavailable)
	if a.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	if strings.Contains(a.body, n.spool.Dir()) {
		t.Errorf("a path of this machine in the answer:\n%s", a.body)
	}
}

func TestProblemForms(t *testing.T) {
	n := newNode(t)
	n.get("/api/mtr?ip=127.0.0.1").want(t, 403, "loopback is traced only when asked by mtrq enqueue or drop/ on the node\nhint: on the node: mtrq enqueue 127.0.0.1\n")
	text := n.get("/api/mtr?ip=")
	text.want(t, 400, "mtrq: bad-target: parameter ip is empty\nhint: in a Zabbix command use {HOST.CONN}")
	js := n.get("/api/mtr?ip=", "Accept: application/json")
	js.want(t, 400)
	if got := js.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	var p problemJSON
	if err := json.Unmarshal([]byte(js.body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != 400 || p.Code != codeTarget || p.Hint == "" || p.Title != "Bad Request" {
		t.Errorf("problem %+v", p)
	}
	html := n.get("/api/mtr?ip=<b>%1b[31m", "Accept: text/html")
	html.want(t, 400, "bad-target", "&lt;b&gt;")
	if strings.ContainsAny(html.body, "\x1b") || strings.Contains(html.body, "<b>") {
		t.Errorf("a stranger's words got through:\n%s", html.body)
	}
}

// TestWait: the caller gets its report, made meanwhile by somebody else.
func TestWait(t *testing.T) {
	n := newNode(t)
	n.tracing()
	got := make(chan answer)
	go func() { got <- n.get("/api/mtr?ip=203.0.113.7&wait=60") }()
	var claims []*spool.Claim
	for len(claims) == 0 {
		claims = n.claims() // ends with the test's own deadline at the latest
	}
	n.archived(sample(claims[0].ID, claims[0].Job.Accepted))
	a := <-got
	id := claims[0].ID.String()
	a.want(t, 200, id+" "+n.http.URL+"/r/"+id+"\n", "203.0.113.7", "Loss%")
	if a.Header.Get("Location") != "/r/"+id {
		t.Errorf("Location %q", a.Header.Get("Location"))
	}
}

func TestWaitEnds(t *testing.T) {
	n := newNode(t)
	n.tracing()
	n.get("/api/mtr?ip=203.0.113.7&wait=1").want(t, 202, "/r/")
}

// TestWaitIsBounded: who comes when too many wait is answered without
// looking for a report even once.
func TestWaitIsBounded(t *testing.T) {
	n := newNode(t)
	looked := &countedHas{Archive: n.Archive}
	n.Archive = looked
	s := newSite(n.Server)
	s.waiting = make(chan struct{}) // nobody more fits
	n.http.Config.Handler = s.handler()
	n.get("/api/mtr?ip=203.0.113.7&wait=1").want(t, 202, "/r/")
	if got := looked.n.Load(); got != 0 {
		t.Errorf("looked for the report %d times", got)
	}
}

type countedHas struct {
	Archive
	n atomic.Int64
}

func (c *countedHas) Has(id ulid.ULID) (bool, error) {
	c.n.Add(1)
	return c.Archive.Has(id)
}

// FuzzJobs: whatever a body holds, in whichever form, what is accepted
// is a job that the spool takes, and nothing is a fault of ours.
func FuzzJobs(f *testing.F) {
	for _, s := range []string{`{"target":"203.0.113.7"}`, `{"jobs":[{"target":"203.0.113.7","tags":{"a":"b"}},{"target":"::1","port":1}]}`, `{"target":1}`, `{}`, `[]`, "{",
		"203.0.113.7\n# x\n[2001:db8::7]\n", "target=203.0.113.7&target=a.b&reason=x", "target=%zz", "203.0.113.7%0a::1", "\x00\xff", `{"jobs":[],"jobs":[{}]}`} {
		f.Add(s)
	}
	sp, err := spool.Open(f.TempDir(), spool.Options{})
	if err != nil {
		f.Fatal(err)
	}
	s := newSite(&Server{Spool: sp, Now: time.Now})
	f.Fuzz(func(t *testing.T, body string) {
		for _, media := range []string{appJSON, "text/plain", "application/x-www-form-urlencoded"} {
			r := httptest.NewRequest("POST", "http://127.0.0.1/api/v1/jobs", strings.NewReader(body))
			r.Header.Set("Content-Type", media)
			read := s.readJobs
			if media != appJSON {
				read = func(w http.ResponseWriter, r *http.Request) (asked, *problem) { return s.readAsked(w, r, "target") }
			}
			a, p := read(httptest.NewRecorder(), r)
			if (p == nil) != (len(a.jobs) > 0) {
				t.Fatalf("%s %q: %d jobs and problem %+v", media, body, len(a.jobs), p)
			}
			if p != nil && p.status >= 500 {
				t.Errorf("%s %q: %+v", media, body, p)
			}
			for _, j := range a.jobs {
				if err := j.Validate(); err != nil {
					t.Errorf("%s %q: accepted, but %v", media, body, err)
				}
			}
		}
	})
}
