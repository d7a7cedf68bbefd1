package archive

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// makeIncident is a loss of ten seconds to some targets, over when nobody
// says otherwise.
func makeIncident(t testing.TB, opened time.Time, n uint64, targets ...string) *report.Incident {
	t.Helper()
	began, over, closed := opened.Add(-1200*time.Millisecond), opened.Add(8800*time.Millisecond), opened.Add(69*time.Second)
	us := int64(9050)
	inc := &report.Incident{
		Schema: report.IncidentSchema, ID: makeID(t, opened, n), State: report.IncidentClosed, Trigger: report.TriggerLoss,
		Node: report.Node{Name: "hk1"}, At: closed,
		Times:    report.IncidentTimes{Began: began, Noticed: began.Add(500 * time.Millisecond), Opened: opened, LastLoss: &over, Recovered: &over, Closed: &closed},
		Episodes: []report.Episode{{From: began, To: &over}},
		Affected: len(targets), Watched: 100, Clean: 100 - len(targets),
		Verdict: report.Verdict{Class: report.RealLoss, Grade: report.Likely, RulesVersion: report.RulesVersion, Sentence: "packets to " + targets[0] + " were lost"},
	}
	for _, target := range targets {
		addr, err := netip.ParseAddr(target)
		if err != nil {
			addr = netip.MustParseAddr("203.0.113.99")
		}
		inc.Members = append(inc.Members, report.Member{
			Target: target, Address: addr, Trigger: report.TriggerLoss, Began: began, Noticed: inc.Times.Noticed, Opened: opened,
			LastLoss: &over, Recovered: &over, Lost: 3, Sent: 10,
			Pings: report.Pings{From: began, TxMS: []int64{0, 1000}, RTTUS: []*int64{nil, &us}, Answer: "-r"},
		})
	}
	return inc
}

func writeIncidents(t testing.TB, w *Writer, incidents ...*report.Incident) {
	t.Helper()
	for _, inc := range incidents {
		if err := w.WriteIncident(inc); err != nil {
			t.Fatal(err)
		}
	}
}

func incidentIDs(entries []IncidentEntry) []ulid.ULID {
	out := []ulid.ULID{}
	for _, e := range entries {
		out = append(out, e.ID)
	}
	return out
}

func encoded(t testing.TB, inc *report.Incident) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := report.EncodeIncident(&buf, inc); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestWriteIncident(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "Asia/Hong_Kong")
	// 23 o'clock of the 22nd in UTC is the 23rd in Hong Kong.
	opened := zoned(t, "UTC", "2026-11-22T23:05:32.25Z")
	rep := makeReport(t, opened, 1, "203.0.113.7")
	write(t, w, rep)
	inc := makeIncident(t, opened, 9, "203.0.113.7", "203.0.113.8", "203.0.113.9")
	inc.Members[0].Reports = []ulid.ULID{rep.Evidence.ID}
	inc.Members[1].Reports = []ulid.ULID{makeID(t, opened, 2)} // its trace still runs
	writeIncidents(t, w, inc)

	base := filepath.Join(dir, "2026/11/23/incidents", inc.ID.String())
	want := map[string][]byte{
		IncidentJSON: encoded(t, inc),
		IncidentText: []byte(report.IncidentText(inc.In(w.Location()), []*report.Report{rep.In(w.Location())})),
		IncidentSVG:  report.IncidentSVG(inc.In(w.Location()), []*report.Report{rep.In(w.Location())}),
	}
	for ending, data := range want {
		if d := cmp.Diff(string(data), string(mustRead(t, base+"."+ending))); d != "" {
			t.Errorf(".%s -want +got\n%s", ending, d)
		}
		got, err := w.IncidentFile(inc.ID, ending)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("IncidentFile %s: %v", ending, err)
		}
	}
	got, err := w.Incident(inc.ID.String())
	if err != nil || !bytes.Equal(encoded(t, got), want[IncidentJSON]) {
		t.Errorf("read again: %v", err)
	}
	if rs := w.IncidentReports(inc); len(rs) != 1 || rs[0].Evidence.ID != rep.Evidence.ID {
		t.Errorf("%d reports of its members, want the one that is there", len(rs))
	}

	// Again, and as something else: nothing changes.
	other := makeIncident(t, opened.Add(time.Hour), 9, "198.51.100.1")
	other.ID = inc.ID
	other.Times.Opened = opened.Add(24 * time.Hour) // another day, same ID
	for _, again := range []*report.Incident{inc, other} {
		if err := w.WriteIncident(again); err != nil {
			t.Errorf("again: %v", err)
		}
	}
	for ending, data := range want {
		if !bytes.Equal(data, mustRead(t, base+"."+ending)) {
			t.Errorf(".%s changed", ending)
		}
	}
	if list, err := w.Incidents(IncidentQuery{}); err != nil || len(list) != 1 {
		t.Errorf("listed %d, %v, want 1", len(list), err)
	}

	// Text and picture are made again where they are gone.
	for _, ending := range []string{IncidentText, IncidentSVG} {
		if err := os.Remove(base + "." + ending); err != nil {
			t.Fatal(err)
		}
		if got, err := w.IncidentFile(inc.ID, ending); err != nil || !bytes.Equal(got, want[ending]) {
			t.Errorf("%s made again: %v", ending, err)
		}
	}
	// Reports and their lists know nothing of it.
	if entries, err := w.List(Query{}); err != nil || len(entries) != 1 {
		t.Errorf("%d reports, %v", len(entries), err)
	}
	if n, err := w.Repair(); n != 0 || err != nil {
		t.Errorf("repair: %d, %v", n, err)
	}
}

func TestWriteIncidentRefuses(t *testing.T) {
	opened := zoned(t, "UTC", "2026-11-23T14:05:32Z")
	for name, change := range map[string]func(*report.Incident){
		"open":             func(i *report.Incident) { i.State = report.IncidentOpen },
		"no state":         func(i *report.Incident) { i.State = "" },
		"no ID":            func(i *report.Incident) { i.ID = ulid.ULID{} },
		"no opening":       func(i *report.Incident) { i.Times.Opened = time.Time{} },
		"of another week":  func(i *report.Incident) { i.Times.Opened = opened.Add(-7 * 24 * time.Hour) },
		"ID of the future": func(i *report.Incident) { i.ID = makeID(t, opened.Add(7*24*time.Hour), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWriter(t, dir, "UTC")
			inc := makeIncident(t, opened, 1, "203.0.113.7")
			change(inc)
			if err := w.WriteIncident(inc); err == nil {
				t.Error("was written")
			}
			if names := treeOf(t, dir); len(names) != 1 { // .mtrq
				t.Errorf("left behind: %v", names)
			}
		})
	}
	w := newWriter(t, t.TempDir(), "UTC")
	inc := makeIncident(t, opened, 1, "203.0.113.7")
	inc.State, inc.Times.Recovered, inc.Times.Closed = report.IncidentInterrupted, nil, nil
	writeIncidents(t, w, inc)
	if e, err := w.Incidents(IncidentQuery{}); err != nil || len(e) != 1 || e[0].LastedMS != nil || e[0].State != report.IncidentInterrupted {
		t.Errorf("interrupted: %+v, %v", e, err)
	}
}

func TestFindIncident(t *testing.T) {
	reader, err := Open(filepath.Join(t.TempDir(), "nothing"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Incident("01M8"); !errors.Is(err, ErrNotFound) {
		t.Errorf("in no archive: %v", err)
	}
	if list, err := reader.Incidents(IncidentQuery{}); err != nil || list != nil {
		t.Errorf("in no archive: %v, %v", list, err)
	}
	if _, err := reader.IncidentFile(makeID(t, time.Now(), 1), IncidentSVG); !errors.Is(err, ErrNotFound) {
		t.Errorf("in no archive: %v", err)
	}

	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := zoned(t, "UTC", "2026-11-23T23:59:59Z")
	one, two := makeIncident(t, at, 1, "203.0.113.7"), makeIncident(t, at.Add(2*time.Second), 2, "203.0.113.8")
	rep := makeReport(t, at, 7, "203.0.113.7")
	writeIncidents(t, w, one, two)
	write(t, w, rep)
	for _, ref := range []string{one.ID.String(), strings.ToLower(one.ID.String()), one.ID.String()[:25]} {
		if got, err := w.Incident(ref); err != nil || got.ID != one.ID {
			t.Errorf("%q: %v", ref, err)
		}
	}
	var several *AmbiguousError
	if _, err := w.Incident(one.ID.String()[:6]); !errors.As(err, &several) || len(several.IDs) != 2 || several.IDs[0] != two.ID {
		t.Errorf("got %v, want both, newest first", err)
	}
	for _, ref := range []string{"", "last", "nonsense", "../../.mtrq", "01M", strings.Repeat("0", 27), rep.Evidence.ID.String(),
		one.ID.String()[:25] + "\x00", "%2e%2e/" + one.ID.String(), one.ID.String() + ".json"} {
		if ref == "01M" && strings.HasPrefix(one.ID.String(), ref) {
			continue
		}
		if _, err := w.Incident(ref); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound", ref, err)
		}
	}
	if _, err := w.IncidentFile(rep.Evidence.ID, IncidentJSON); !errors.Is(err, ErrNotFound) {
		t.Errorf("a report's ID: %v", err)
	}
	for _, ending := range []string{"", ".json", "jsonl", "json/../../../../.mtrq", "../x"} {
		if _, err := w.IncidentFile(one.ID, ending); err == nil {
			t.Errorf("ending %q was taken", ending)
		}
	}
	if _, err := w.Find(one.ID.String()); !errors.Is(err, ErrNotFound) {
		t.Errorf("among reports: %v", err)
	}
}

func TestListIncidents(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	a := makeIncident(t, day(20, 12), 1, "203.0.113.7")
	b := makeIncident(t, day(23, 1), 2, "2001:db8::7", "edge.example.net")
	c := makeIncident(t, day(23, 22), 3, "203.0.113.7", "203.0.113.8")
	d := makeIncident(t, day(24, 0), 4, "203.0.113.9")
	b.Verdict.Class = report.OwnNetwork
	writeIncidents(t, w, c, a, d, b)
	for _, tc := range []struct {
		name string
		q    IncidentQuery
		want []*report.Incident
	}{
		{"all", IncidentQuery{}, []*report.Incident{d, c, b, a}},
		{"limit", IncidentQuery{Limit: 3}, []*report.Incident{d, c, b}},
		{"since", IncidentQuery{Since: day(23, 1)}, []*report.Incident{d, c, b}},
		{"since, a moment later", IncidentQuery{Since: day(23, 1).Add(1)}, []*report.Incident{d, c}},
		{"until", IncidentQuery{Until: day(24, 0)}, []*report.Incident{c, b, a}},
		{"until and limit", IncidentQuery{Until: day(24, 0), Limit: 1}, []*report.Incident{c}},
		{"target", IncidentQuery{Target: "203.0.113.7"}, []*report.Incident{c, a}},
		{"target and limit", IncidentQuery{Target: "203.0.113.7", Limit: 1}, []*report.Incident{c}},
		{"IPv6 written otherwise", IncidentQuery{Target: "2001:DB8:0::7"}, []*report.Incident{b}},
		{"IPv4 in IPv6", IncidentQuery{Target: "::ffff:203.0.113.9"}, []*report.Incident{d}},
		{"a name", IncidentQuery{Target: "Edge.Example.NET."}, []*report.Incident{b}},
		{"the address of a name", IncidentQuery{Target: "203.0.113.99"}, []*report.Incident{b}},
		{"class", IncidentQuery{Class: report.OwnNetwork}, []*report.Incident{b}},
		{"none", IncidentQuery{Target: "192.0.2.1"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := []ulid.ULID{}
			for _, inc := range tc.want {
				want = append(want, inc.ID)
			}
			got, err := w.Incidents(tc.q)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, incidentIDs(got)); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
		})
	}

	// A torn one is listed by its name, and hides no other. Files never
	// change, so it was torn before anybody looked.
	w.Archive.incidents = newKnownIncidents()
	if err := os.WriteFile(filepath.Join(dir, "2026/11/20/incidents", a.ID.String()+".json"), []byte("torn"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := w.Incidents(IncidentQuery{})
	if err != nil || len(got) != 4 || got[3].Unreadable == "" || got[3].ID != a.ID || !got[3].Opened.Equal(day(20, 12)) || got[3].Lost != nil {
		t.Errorf("a torn one: %+v, %v", got, err)
	}
	if got, err := w.Incidents(IncidentQuery{Target: "203.0.113.7"}); err != nil || len(got) != 1 {
		t.Errorf("a torn one has no target: %v, %v", incidentIDs(got), err)
	}
	if _, err := w.Incident(a.ID.String()); !errors.Is(err, report.ErrInvalid) {
		t.Errorf("a torn one: %v", err)
	}
	newer := bytes.Replace(encoded(t, a), []byte(`"schema": 1`), []byte(`"schema": 99`), 1)
	if err := os.WriteFile(filepath.Join(dir, "2026/11/20/incidents", a.ID.String()+".json"), newer, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Incident(a.ID.String()); !errors.Is(err, ErrNewer) {
		t.Errorf("one from the future: %v", err)
	}
}

func TestEntryOfIncident(t *testing.T) {
	opened := zoned(t, "UTC", "2026-11-23T14:05:32Z")
	targets := []string{}
	for i := range 12 {
		targets = append(targets, netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}).String())
	}
	inc := makeIncident(t, opened, 1, targets...)
	inc.Affected = 40
	from, to := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.9")
	inc.Verdict.Link = &report.Link{From: report.LinkEnd{TTL: 3}, To: report.LinkEnd{TTL: 4, Addr: to}}
	e := EntryOfIncident(inc)
	if len(e.Targets) != maxEntryTargets || e.Affected != 40 || *e.Lost != 36 || *e.Sent != 120 || *e.LastedMS != 10_000 {
		t.Errorf("got %+v", e)
	}
	if e.Where != "hop 3 > 198.51.100.9" {
		t.Errorf("where: %q", e.Where)
	}
	inc.Common = &report.Common{From: from, To: to}
	if e := EntryOfIncident(inc); e.Where != "198.51.100.1 > 198.51.100.9" {
		t.Errorf("where: %q", e.Where)
	}
	inc.Common.From = netip.Addr{}
	if e := EntryOfIncident(inc); e.Where != "this machine > 198.51.100.9" {
		t.Errorf("where: %q", e.Where)
	}

	// What nobody knows is not 0.
	for i := range inc.Members {
		inc.Members[i].Lost, inc.Members[i].Sent = 0, 0
	}
	inc.State, inc.Common, inc.Verdict.Link = report.IncidentOpen, nil, nil
	if e := EntryOfIncident(inc); e.Lost != nil || e.Loss() != nil || e.LastedMS != nil || e.Where != "" {
		t.Errorf("got %+v, want no loss, no end, no place", e)
	}
	// Other rules wrote it: it is judged anew.
	inc.Verdict = report.Verdict{Class: report.NotProven, RulesVersion: report.RulesVersion + 1, Sentence: "as of then"}
	if e := EntryOfIncident(inc); e.Sentence == "as of then" || e.Verdict == "" {
		t.Errorf("got %q %q", e.Verdict, e.Sentence)
	}
}

// TestStrangeIncidents puts what strangers could between the files of an
// archive that they may write to: nothing outside is read or written.
func TestStrangeIncidents(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	opened := zoned(t, "UTC", "2026-11-23T14:05:32Z")
	inc := makeIncident(t, opened, 1, "203.0.113.7")
	secret := filepath.Join(outside, inc.ID.String()+".json")
	if err := os.WriteFile(secret, encoded(t, inc), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWriter(t, dir, "UTC")
	day := filepath.Join(dir, "2026/11/23")
	if err := os.MkdirAll(day, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"outside": outside, "inside": ".."} { // os.Root follows a relative one that stays inside
		t.Run("directory is a link "+name, func(t *testing.T) {
			if err := os.Symlink(target, filepath.Join(day, incidentsName)); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(filepath.Join(day, incidentsName))
			if _, err := w.Incident(inc.ID.String()); !errors.Is(err, ErrNotFound) {
				t.Errorf("read: %v", err)
			}
			if err := w.WriteIncident(inc); err == nil {
				t.Error("written through the link")
			}
			if n, err := w.Repair(); n != 0 || err != nil {
				t.Errorf("repair: %d, %v", n, err)
			}
			if es := mustDir(t, outside); len(es) != 1 {
				t.Errorf("%d files outside, want 1", len(es))
			}
			if es := mustDir(t, filepath.Dir(day)); len(es) != 1 {
				t.Errorf("%d files beside the day, want 1", len(es))
			}
		})
	}
	if err := os.Mkdir(filepath.Join(day, incidentsName), 0o755); err != nil {
		t.Fatal(err)
	}
	other := makeIncident(t, opened, 2, "203.0.113.8")
	at := func(id ulid.ULID, ending string) string {
		return filepath.Join(day, incidentsName, id.String()+"."+ending)
	}
	for _, make := range []func() error{
		func() error { return os.Symlink(secret, at(inc.ID, IncidentJSON)) },
		func() error { return os.Mkdir(at(makeID(t, opened, 3), IncidentJSON), 0o755) },
		func() error {
			return os.WriteFile(at(makeID(t, opened, 4), IncidentJSON), encoded(t, other), 0o644) // another one's
		},
		func() error {
			return os.WriteFile(filepath.Join(day, incidentsName, strings.ToLower(other.ID.String())+".json"), encoded(t, other), 0o644)
		},
		func() error {
			return os.WriteFile(filepath.Join(day, incidentsName, "..json"), encoded(t, other), 0o644)
		},
		func() error { return os.Symlink(secret, at(other.ID, IncidentText)) }, // is replaced, not followed
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.Incidents(IncidentQuery{})
	if err != nil || len(got) != 1 || got[0].ID != makeID(t, opened, 4) || !strings.Contains(got[0].Unreadable, other.ID.String()) {
		t.Errorf("listed %+v, %v", got, err)
	}
	if _, err := w.IncidentFile(inc.ID, IncidentJSON); !errors.Is(err, ErrNotFound) {
		t.Errorf("through a link: %v", err)
	}
	if err := w.WriteIncident(inc); err == nil {
		t.Error("a link took its name and it was written all the same")
	}
	writeIncidents(t, w, other)
	if data := mustRead(t, secret); !bytes.Equal(data, encoded(t, inc)) {
		t.Error("the file outside changed")
	}
	if text, err := w.IncidentFile(other.ID, IncidentText); err != nil || string(text) != report.IncidentText(other, nil) {
		t.Errorf("text: %v", err)
	}
	for _, name := range treeOf(t, dir) {
		if strings.Contains(name, tmpPrefix) {
			t.Errorf("%s is left", name)
		}
	}
}

func TestIncidentsTogether(t *testing.T) {
	dir := t.TempDir()
	writers := []*Writer{newWriter(t, dir, "UTC"), newWriter(t, dir, "UTC")}
	opened := zoned(t, "UTC", "2026-11-23T23:59:59.9Z") // over midnight
	const n = 30
	var wg sync.WaitGroup
	for i := range n {
		for _, w := range writers { // each one through both
			wg.Go(func() {
				inc := makeIncident(t, opened.Add(time.Duration(i)*10*time.Millisecond), uint64(i), "203.0.113.7")
				if err := w.WriteIncident(inc); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if err := writers[i%2].Write(makeReport(t, opened, uint64(i), "203.0.113.7")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := writers[0].Incidents(IncidentQuery{})
	if err != nil || len(got) != n {
		t.Fatalf("%d incidents, %v, want %d", len(got), err, n)
	}
	for _, e := range got {
		if e.Unreadable != "" {
			t.Errorf("%s: %s", e.ID, e.Unreadable)
		}
	}
	files := 0
	for _, name := range treeOf(t, dir) {
		if strings.Contains(name, "/"+incidentsName+"/") {
			files++
		}
	}
	if files != 3*n {
		t.Errorf("%d files, want %d", files, 3*n)
	}
}
