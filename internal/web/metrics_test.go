package web

import (
	"bufio"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/spool"
)

// watching writes targets.json as a living watchdog does.
func (n *node) watching(change ...func(*spool.WatchState)) {
	n.t.Helper()
	us := func(v int64) *int64 { return &v }
	st := &spool.WatchState{Schema: 1, At: time.Now(), Node: "hk1",
		Totals: spool.WatchTotals{Targets: 3, OK: 1, Lossy: 1, New: 1, PingsSent: 900, PingsLost: 31, Suspects: 4, Opened: 2, Closed: 1, Open: 1},
		Targets: []spool.WatchTarget{
			{Target: "203.0.113.7", Address: netip.MustParseAddr("203.0.113.7"), State: spool.TargetLossy, Interval: 1000, Incident: "01KAR1ABTB5H2ZJ0Q4V7W8X9YZ", P50US: us(9050), Lost: 30, Sent: 300, Strip: "rrr---", Since: time.Now()},
			{Target: "edge.example.net", Group: "customers", State: spool.TargetOK, Interval: 1000, P50US: us(1250), Lost: 0, Sent: 300, Strip: "rrrrrr", Since: time.Now()},
			{Target: "203.0.113.9", State: spool.TargetNew, Interval: 1000, Since: time.Now()},
		},
		Sources: []spool.WatchSource{{Source: "config", Targets: 2}, {Source: "/etc/mtrq/a \"list\"\n", Targets: 1, Err: "gone"}},
	}
	for _, c := range change {
		c(st)
	}
	if err := n.spool.WriteWatchState(st); err != nil {
		n.t.Fatal(err)
	}
}

func TestMetrics(t *testing.T) {
	var passed time.Duration
	n := newNode(t, func(s *Server) {
		s.Limits.MetricsTargets = 2
		s.Now = func() time.Time { return time.Now().Add(passed) }
	})
	lacks := func(a answer, words ...string) {
		t.Helper()
		for _, w := range words {
			if strings.Contains(a.body, w) {
				t.Errorf("says %q:\n%s", w, a.body)
			}
		}
	}
	// Nobody ever traced or watched: what is not known has no sample.
	a := n.get("/metrics")
	a.want(t, 200, "mtrq_run_up 0\n")
	lacks(a, "mtrq_run_jobs", "mtrq_run_lateness", "mtrq_watch_")
	lint(t, a.body)

	n.tracing()
	n.watching()
	passed += watchKept
	n.get("/api/mtr?ip=203.0.113.7").want(t, 202)
	n.get("/api/mtr?ip=").want(t, 400)
	n.get("/nothing/at/all").want(t, 404)
	if err := os.WriteFile(filepath.Join(n.spool.Dir(), "bad", "01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.job"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a = n.get("/metrics")
	a.want(t, 200, "mtrq_run_up 1\n", `mtrq_run_jobs{state="long_look"} 12`, `mtrq_run_lateness_seconds{stat="p99"} 1.2`,
		"mtrq_run_unprobed_age_seconds 57\n", `mtrq_run_jobs{state="unwritten"} 0`, `mtrq_run_jobs{state="lines"} 0`,
		"mtrq_jobs_accepted_total 1\n", `mtrq_jobs_refused_total{reason="bad-target"} 1`,
		`mtrq_http_requests_total{kind="enqueue",status="202"} 1`, `mtrq_http_requests_total{kind="page",status="404"} 1`,
		"mtrq_jobs_durable_duration_seconds_count 1\n", `mtrq_spool_files{dir="new"} 1`, `mtrq_spool_files{dir="bad"} 1`,
		`mtrq_watch_targets{state="lossy"} 1`, "mtrq_watch_incidents_open 1\n", "mtrq_watch_pings_lost_total 31\n", "mtrq_watch_up 1\n",
		`mtrq_watch_source_up{source="config"} 1`, `mtrq_watch_target_loss_ratio{target="203.0.113.7",group=""} 0.1`,
		`mtrq_watch_target_rtt_seconds{target="edge.example.net",group="customers"} 0.00125`, `mtrq_watch_target_incident{target="edge.example.net",group="customers"} 0`)
	lacks(a, "203.0.113.9", "nothing/at")
	lint(t, a.body)
	if got := newNode(t).get("/metrics"); !strings.Contains(got.body, `mtrq_archive_today_reports{which="all"} 0`) {
		t.Errorf("an empty day is not counted:\n%s", got.body)
	}
	if got := a.Header.Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}

	// What was written long ago is not how things are.
	n.watching(func(st *spool.WatchState) { st.At = time.Now().Add(-time.Hour) })
	if err := n.spool.WriteRunState(spool.RunState{Schema: 1, At: time.Now().Add(-time.Hour), State: "running"}); err != nil {
		t.Fatal(err)
	}
	passed += watchKept
	a = n.get("/metrics")
	a.want(t, 200, "mtrq_run_up 0\n", "mtrq_watch_up 0\n", "mtrq_run_state_timestamp_seconds ")
	lacks(a, "mtrq_run_jobs", `mtrq_watch_targets{`)
	lint(t, a.body)
}

// TestMetricsNameNoTarget: unless it is switched on.
func TestMetricsNameNoTarget(t *testing.T) {
	n := newNode(t)
	n.watching()
	if a := n.get("/metrics"); strings.Contains(a.body, "203.0.113") || strings.Contains(a.body, "edge.example") {
		t.Errorf("a target is named:\n%s", a.body)
	}
}

// TestMetricsHostile: a stranger's words cannot write samples.
func TestMetricsHostile(t *testing.T) {
	n := newNode(t, func(s *Server) { s.Limits.MetricsTargets = 10 })
	n.watching(func(st *spool.WatchState) {
		st.Targets[0].Target = "a\"} 1\nevil_total 1\n#\\"
		st.Targets[1].Group = "\x1b[31m\u202e"
		st.Targets[2] = st.Targets[0] // twice: the format allows each series once
	})
	a := n.get("/metrics")
	if strings.Contains(a.body, "\nevil_total") || strings.ContainsAny(a.body, "\x1b\u202e") {
		t.Errorf("a stranger's words got through:\n%s", a.body)
	}
	lint(t, a.body)
}

var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-z_]+) (\S.*[.0-9])$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-z_]+) (counter|gauge|histogram)$`)
	sampleLine = regexp.MustCompile(`^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\S+)$`)
)

// lint reads the text format as strictly as promtool check metrics does:
// help and type before the samples, which stand together; each series
// once; names that say their unit and whether they only grow; buckets
// that add up.
func lint(t *testing.T, text string) {
	t.Helper()
	var family, kind string
	seen, families := map[string]bool{}, map[string]bool{}
	var last float64 // of the buckets before
	var count float64
	for sc := bufio.NewScanner(strings.NewReader(text)); sc.Scan(); {
		line := sc.Text()
		if m := helpLine.FindStringSubmatch(line); m != nil {
			if families[m[1]] {
				t.Errorf("family %s stands twice", m[1])
			}
			family, kind = m[1], ""
			families[family] = true
			continue
		}
		if m := typeLine.FindStringSubmatch(line); m != nil {
			if m[1] != family || kind != "" {
				t.Errorf("type of %s after help of %s", m[1], family)
			}
			kind = m[2]
			switch unit := strings.HasSuffix(family, "_total"); {
			case kind == "counter" && !unit, kind != "counter" && unit:
				t.Errorf("%s is a %s", family, kind)
			}
			for _, bad := range []string{"_ms", "_milliseconds", "_percent", "_us", "_count"} {
				if strings.HasSuffix(family, bad) {
					t.Errorf("%s has no base unit", family)
				}
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || kind == "" {
			t.Errorf("line %q of family %q", line, family)
			continue
		}
		name, labels := m[1], m[2]
		if series := name + "{" + labels; seen[series] {
			t.Errorf("series %s stands twice", series)
		} else {
			seen[series] = true
		}
		v, err := strconv.ParseFloat(strings.Replace(m[3], "+Inf", "Inf", 1), 64)
		if err != nil || math.IsNaN(v) {
			t.Errorf("value of %q", line)
		}
		suffix, ours := strings.CutPrefix(name, family)
		if !ours || suffix != "" && kind != "histogram" {
			t.Errorf("sample %s in family %s", name, family)
		}
		switch {
		case suffix == "_bucket" && strings.Contains(labels, fmt.Sprintf(`le="%s"`, number(secondsBounds()[0]))):
			last, count = v, -1
		case suffix == "_bucket":
			if v < last {
				t.Errorf("bucket %q holds fewer than the one before", line)
			}
			if last = v; strings.Contains(labels, `le="+Inf"`) {
				count = v
			}
		case suffix == "_count" && v != count:
			t.Errorf("%q, but the last bucket holds %g", line, count)
		}
	}
	for f := range families {
		if !strings.HasPrefix(f, "mtrq_") && !strings.HasPrefix(f, "process_") && !strings.HasPrefix(f, "go_") {
			t.Errorf("family %s", f)
		}
	}
}
