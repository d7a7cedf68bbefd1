package web

import (
	"html"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// TestTold: wherever incidents are listed, a machine in UTC with an archive in
// another zone shows that zone alone, and a page speaks one language.
func TestTold(t *testing.T) {
	n := newNode(t)
	n.tracing()
	hongKong, err := time.LoadLocation("Asia/Hong_Kong")
	if err != nil {
		t.Fatal(err)
	}
	began := lastTuesday().UTC()
	rep := sample(newID(began), began)
	n.archived(rep)
	over := lossy(began, 2, func(inc *report.Incident) { inc.Members[0].Reports = []ulid.ULID{rep.Evidence.ID} })
	lasting := lossy(time.Now().Add(-20*time.Second).UTC().Truncate(time.Second), 1)
	lasting.At = time.Now().UTC()
	n.happened(over)
	n.opens(lasting)
	lasting.Verdict = report.JudgeIncident(lasting, nil)
	n.opens(lasting)
	said := func(inc *report.Incident, lang report.Lang) string {
		return report.JudgeIncidentIn(inc.In(hongKong), nil, lang).Sentence
	}
	day := func(at time.Time) string { return dayURL(archive.DateOf(at, hongKong)) }
	for _, tt := range []struct {
		path string
		of   []*report.Incident
	}{
		{"/", []*report.Incident{over, lasting}}, {"/incidents", []*report.Incident{over, lasting}}, {day(over.Times.Opened), []*report.Incident{over}},
		{day(lasting.Times.Opened), []*report.Incident{lasting}}, {"/target/203.0.113.7", []*report.Incident{over, lasting}}, {"/node/hk1", []*report.Incident{lasting}},
	} {
		en, zh := n.get(tt.path, asBrowser), n.get(tt.path, asBrowser, "Accept-Language: zh-CN")
		en.body, zh.body = html.UnescapeString(en.body), html.UnescapeString(zh.body)
		for _, inc := range tt.of {
			if !strings.Contains(en.body, said(inc, report.English)) {
				t.Errorf("%s: the page lacks %q", tt.path, said(inc, report.English))
			}
			if !strings.Contains(zh.body, said(inc, report.Chinese)) {
				t.Errorf("%s: the Chinese page lacks %q", tt.path, said(inc, report.Chinese))
			}
		}
		for _, a := range []answer{en, zh, n.get(tt.path)} {
			if strings.Contains(a.body, "+00:00") {
				t.Errorf("%s: a time in the zone of the machine:\n%s", tt.path, a.body)
			}
		}
		if strings.Contains(zh.body, " lost ") {
			t.Errorf("%s: the Chinese page has an English sentence", tt.path)
		}
	}
	for _, path := range []string{"/incidents.csv", "/incidents.atom", "/search?q=" + over.ID.String()} {
		if a := n.get(path); strings.Contains(a.body, "+00:00") || !strings.Contains(a.body, "+08:00 (10 s)") {
			t.Errorf("%s: not in the archive's zone:\n%s", path, a.body)
		}
	}
	text := strings.Join(strings.Fields(n.get(incidentURL(over.ID)).body), " ")
	if want := report.Judge(&rep.In(hongKong).Evidence).Sentence; !strings.Contains(text, want) {
		t.Errorf("the incident lacks %q of its trace:\n%s", want, text)
	}
	// What is stored stays as it is.
	n.get("/incidents.json").want(t, http.StatusOK, "+00:00 (10 s)")
}

// TestToldAsItWas: where today's rules judge otherwise than what is stored, the
// sentence is that of the list's own verdict, in the words that it has.
func TestToldAsItWas(t *testing.T) {
	n := newNode(t)
	inc := lossy(lastTuesday().UTC(), 1)
	inc.Verdict = report.Verdict{Class: report.OwnNetwork, RulesVersion: report.RulesVersion, Sentence: "The switch was lost at 2026-11-23 10:00:00.0 +00:00."}
	w, err := archive.OpenWriter(n.archive, "Asia/Hong_Kong")
	if err == nil {
		err = w.WriteIncident(inc)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is remembered
		n.get("/incidents", asBrowser, "Accept-Language: zh-CN").want(t, http.StatusOK, "The switch was lost at 2026-11-23 18:00:00.0 &#43;08:00.")
	}
	s := newSite(n.Server)
	for range toldMost + 10 {
		s.toldOnes.put(toldKey{id: ulid.Make()}, "")
	}
	if len(s.toldOnes.said) > toldMost {
		t.Errorf("%d sentences are kept", len(s.toldOnes.said))
	}
}

// TestNobodyTraces: why nobody traces is said in the language of the page and
// in the archive's zone; to programs in English.
func TestNobodyTraces(t *testing.T) {
	last := time.Date(2026, 11, 26, 10, 3, 5, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		state  *spool.RunState
		en, zh string
	}{
		{"none", nil, "no mtrq run has written its state here", "还没有 mtrq run"},
		{"dead", &spool.RunState{Schema: 1, At: last, State: "running"}, "mtrq run last gave a sign at 2026-11-26 18:03:05 +08:00", "mtrq run 最近一次上报是 2026-11-26 18:03:05 +08:00"},
		{"ending", &spool.RunState{Schema: 1, At: time.Now(), State: "draining"}, "takes no more jobs", "不再接收新任务"},
	} {
		n := newNode(t)
		n.happened(lossy(lastTuesday(), 1)) // the archive has its zone
		if tt.state != nil {
			if err := n.spool.WriteRunState(*tt.state); err != nil {
				t.Fatal(err)
			}
		}
		for _, path := range []string{"/", "/node/hk1"} {
			for _, ask := range []struct {
				says   string
				header []string
			}{{tt.en, []string{asBrowser}}, {tt.zh, []string{asBrowser, "Accept-Language: zh-CN"}}, {tt.en, []string{"Accept-Language: zh-CN"}}, {tt.en, []string{"Accept-Language: zh-CN", "Accept: application/json"}}} {
				if a := n.get(path, ask.header...); !strings.Contains(html.UnescapeString(a.body), ask.says) {
					t.Errorf("%s: %s %v: want %q in\n%s", tt.name, path, ask.header, ask.says, a.body)
				}
			}
		}
		if a := n.get("/readyz"); !strings.Contains(a.body, tt.en) {
			t.Errorf("%s: /readyz: want %q in %q", tt.name, tt.en, a.body)
		}
	}
}

// TestSpoolHeldWithoutState: a process that holds the spool and cannot write its state is
// named, and a state that cannot be read is not one that is not there.
func TestSpoolHeldWithoutState(t *testing.T) {
	n := newNode(t)
	n.claims() // has the lock
	pid := strconv.Itoa(os.Getpid())
	for _, ask := range []struct{ path, says, header string }{
		{"/", "mtrq run (process " + pid + ") holds the spool", asBrowser},
		{"/node/hk1", "mtrq run（进程 " + pid + "）仍占用任务队列", "Accept-Language: zh-CN"},
	} {
		if a := n.get(ask.path, asBrowser, ask.header); !strings.Contains(html.UnescapeString(a.body), ask.says) {
			t.Errorf("%s: want %q in\n%s", ask.path, ask.says, a.body)
		}
	}
	if err := n.spool.WriteState(spool.RunStateFile, nil); err != nil {
		t.Fatal(err)
	}
	n.get("/readyz").want(t, http.StatusServiceUnavailable, "what mtrq run says of itself cannot be read")
}

// TestLate: figures of probes that were sent do not hide that a job waits.
func TestLate(t *testing.T) {
	n := newNode(t)
	n.tracing()
	for _, path := range []string{"/", "/node/hk1"} {
		n.get(path, asBrowser).want(t, http.StatusOK, "99 of 100 within 1.2 s", "the oldest for 57.0 s")
		n.get(path, "Accept: text/plain").want(t, http.StatusOK, "the oldest for 57.0 s")
		n.get(path, asBrowser, "Accept-Language: zh-CN").want(t, http.StatusOK, "最早的一个已等待 57.0 s")
	}
}
