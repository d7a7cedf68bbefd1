package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// node is a Server on a real spool, a real archive and a real listener.
type node struct {
	*Server
	t       *testing.T
	spool   *spool.Spool
	queue   *spool.Queue // claims jobs as run does
	archive string       // directory
	http    *httptest.Server
	plain   bool // ask for bodies as they are, without gzip
}

func newNode(t *testing.T, change ...func(*Server)) *node {
	t.Helper()
	sp, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ar, err := archive.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ar.Close(); err != nil {
			t.Error(err)
		}
	})
	n := &node{t: t, spool: sp, archive: dir, Server: &Server{
		Spool: sp, Archive: ar,
		Policy: trace.Policy{Ports: []trace.PortRange{{Low: 80, High: 80}, {Low: 443, High: 443}, {Low: 33434, High: 33534}}, Deny: prefixes("198.18.5.0/24")},
		Access: Access{AllowFrom: prefixes("127.0.0.0/8", "::1/128")},
		Node:   "hk1", Version: "0.1.0",
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Now: time.Now,
	}}
	for _, c := range change {
		c(n.Server)
	}
	n.http = httptest.NewServer(n.Handler())
	t.Cleanup(n.http.Close)
	return n
}

// tracing writes run.json as a living run does.
func (n *node) tracing() {
	n.t.Helper()
	if err := n.spool.WriteRunState(spool.RunState{Schema: 1, At: time.Now(), State: "running", Node: "hk1",
		Jobs: spool.RunJobs{Limit: 200, FirstLook: 3, LongLook: 12}, LatenessMS: &spool.Lateness{P50: 2.9, P99: 1200}, UnprobedMS: new(57000.0)}); err != nil {
		n.t.Fatal(err)
	}
}

// claims takes what was accepted, as run does.
func (n *node) claims() []*spool.Claim {
	n.t.Helper()
	if n.queue == nil {
		q, err := n.spool.Lock()
		if err != nil {
			n.t.Fatal(err)
		}
		n.t.Cleanup(func() {
			if err := q.Close(); err != nil {
				n.t.Error(err)
			}
		})
		if _, err := q.Recover(never); err != nil {
			n.t.Fatal(err)
		}
		n.queue = q
	}
	c, err := n.queue.Claim(never, 10000)
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

func never(ulid.ULID) bool { return false }

// answer is a response with its whole body.
type answer struct {
	*http.Response
	body string
}

// get asks for a path, with header lines "Name: value".
func (n *node) get(path string, header ...string) answer {
	n.t.Helper()
	return n.do("GET", path, "", header...)
}

func (n *node) do(method, path, body string, header ...string) answer {
	n.t.Helper()
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.http.URL+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	if n.plain {
		req.Header.Set("Accept-Encoding", "identity")
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return answer{resp, string(b)}
}

// want fails the test unless the answer has this status and says this.
func (a answer) want(t *testing.T, status int, says ...string) {
	t.Helper()
	for _, s := range says {
		if !strings.Contains(a.body, s) {
			t.Errorf("body lacks %q", s)
		}
	}
	if a.StatusCode != status || t.Failed() {
		t.Fatalf("got %s, want %d; body:\n%s", a.Status, status, a.body)
	}
}

// archived writes a report into the node's archive, as run does.
func (n *node) archived(reports ...*report.Report) {
	n.t.Helper()
	w, err := archive.OpenWriter(n.archive, "Asia/Hong_Kong")
	if err != nil {
		n.t.Fatal(err)
	}
	for _, r := range reports {
		if err := w.Write(r); err != nil {
			n.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		n.t.Fatal(err)
	}
}

func newID(at time.Time) ulid.ULID { return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()) }

// sample is the report of a short trace with one lost probe.
func sample(id ulid.ULID, accepted time.Time, change ...func(*report.Request)) *report.Report {
	us := func(n int64) *int64 { return &n }
	addr := netip.MustParseAddr
	target := addr("203.0.113.7")
	start := report.Event{E: report.EventStart, At: accepted.Add(8 * time.Millisecond), Schema: 1, Node: "hk1", Source: addr("192.0.2.1"),
		Target: &report.Target{Asked: "203.0.113.7", Address: target, Protocol: "icmp", Size: 64, Interval: 1000, MaxTTL: 30}}
	events := []report.Event{start}
	probe := func(ttl int, kind report.Kind, rtt int64, from netip.Addr) {
		n := len(events) - 1
		e := report.Event{E: report.EventProbe, N: n, TTL: ttl, MS: float64(n) * 3, DeadlineMS: 1000, Kind: kind, Addr: from}
		if rtt > 0 {
			e.US = us(rtt)
		}
		events = append(events, e)
	}
	for i := range 30 {
		if i == 7 {
			probe(0, report.KindLost, 0, netip.Addr{})
		} else {
			probe(0, report.KindReply, int64(9050+i), target)
		}
		if i < 3 {
			probe(1, report.KindExpired, int64(412+i), addr("198.18.0.1"))
			probe(2, report.KindExpired, int64(1630+i), addr("2001:db8:ffff:1234:5678:9abc:def0:1"))
			probe(3, report.KindReply, int64(9120+i), target)
		}
	}
	events = append(events, report.Event{E: report.EventEnd, MS: 20000, Ended: report.EndedComplete})
	q := report.Request{ID: id, Accepted: accepted, Source: "http", By: "127.0.0.1", Reason: "loss over 20 %", Event: "zabbix-481516", Tags: map[string]string{"circuit": "GZ-2231"}}
	for _, c := range change {
		c(&q)
	}
	rep, err := report.Fold([]report.Request{q}, report.Node{Name: "hk1", Place: "Hong Kong, TKO"}, events, report.Options{Versions: report.Versions{MTRQ: "0.1.0", MTRPacket: "0.95", Rules: report.RulesVersion}})
	if err != nil {
		panic(err)
	}
	return rep
}
