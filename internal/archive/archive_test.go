package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// makeID is a ULID of a time, told apart by n.
func makeID(t testing.TB, at time.Time, n uint64) ulid.ULID {
	t.Helper()
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(at)); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		id[15-i] = byte(n >> (8 * i))
	}
	return id
}

// makeReport is the report of a trace that sent three probes straight to
// the target, the first one lost, and found it at TTL 3; or of a name that
// did not resolve.
func makeReport(t testing.TB, at time.Time, n uint64, target string) *report.Report {
	t.Helper()
	id := makeID(t, at, n)
	reqs := []report.Request{{ID: id, Accepted: at, Source: "cli", Reason: "test <&>"}}
	asked := report.Target{Asked: target, Protocol: "icmp", Size: 64, MaxTTL: 30, Interval: 1000}
	events := []report.Event{{E: report.EventEnd, Ended: report.EndedFailed, Error: "name does not resolve"}}
	if addr, err := netip.ParseAddr(target); err == nil {
		asked.Address = addr.WithZone("").Unmap()
		us, router := int64(9050), netip.MustParseAddr("198.18.0.1")
		p := func(n, ttl int, ms float64, kind report.Kind, from netip.Addr) {
			e := report.Event{E: report.EventProbe, N: n, TTL: ttl, MS: ms, DeadlineMS: 1000, Kind: kind, Addr: from}
			if kind != report.KindLost {
				e.US = &us
			}
			events = append(events, e)
		}
		events = []report.Event{{E: report.EventStart, At: at.Add(8 * time.Millisecond), Schema: 1, Node: "hk1", Target: &asked}}
		p(0, 0, 0.5, report.KindLost, netip.Addr{})
		p(1, 1, 0.6, report.KindExpired, router)
		p(2, 2, 0.7, report.KindLost, netip.Addr{})
		p(3, 3, 0.8, report.KindReply, asked.Address)
		p(4, 0, 150, report.KindReply, asked.Address)
		events = append(events, report.Event{E: report.EventEnd, MS: 1500, Ended: report.EndedComplete})
	}
	r, err := report.Fold(reqs, report.Node{Name: "hk1"}, events, report.Options{Target: asked})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newWriter(t testing.TB, dir, zone string) *Writer {
	t.Helper()
	w, err := OpenWriter(dir, zone)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func write(t testing.TB, w *Writer, reports ...*report.Report) {
	t.Helper()
	for _, r := range reports {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
}

func zoned(t testing.TB, zone, at string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	v, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		t.Fatal(err)
	}
	return v.In(loc)
}

func idsOf(entries []Entry) []ulid.ULID {
	out := []ulid.ULID{}
	for _, e := range entries {
		out = append(out, e.ID)
	}
	return out
}

// treeOf lists the regular files of an archive, without marks and locks of
// writers.
func treeOf(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), markPrefix) || strings.HasPrefix(d.Name(), lockName) {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		out = append(out, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var compareEntry = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

func TestWriteAndRead(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "Asia/Hong_Kong")
	at := zoned(t, "UTC", "2026-11-23T06:05:32.123456Z")
	one := makeReport(t, at, 1, "203.0.113.7")
	one.Evidence.Requests[0].Tags = map[string]string{"circuit": "GZ-2231"}
	joined := one.Evidence.Requests[0]
	joined.ID, joined.Accepted, joined.Freshness = makeID(t, at.Add(time.Second), 2), at.Add(time.Second), report.Tail
	one.Evidence.Requests = append(one.Evidence.Requests, joined)
	six := makeReport(t, at.Add(time.Minute), 3, "2001:db8::7")
	name := makeReport(t, at.Add(24*time.Hour), 4, "Edge.example.net")
	write(t, w, one, six, name)

	want := []string{
		".mtrq",
		"2026/11/23/14/140532+0800_203.0.113.7_" + one.Evidence.ID.String() + ".json",
		"2026/11/23/14/140532+0800_203.0.113.7_" + one.Evidence.ID.String() + ".txt",
		"2026/11/23/14/140632+0800_2001-db8--7_" + six.Evidence.ID.String() + ".json",
		"2026/11/23/14/140632+0800_2001-db8--7_" + six.Evidence.ID.String() + ".txt",
		"2026/11/23/index.jsonl",
		"2026/11/24/14/140532+0800_edge.example.net_" + name.Evidence.ID.String() + ".json",
		"2026/11/24/14/140532+0800_edge.example.net_" + name.Evidence.ID.String() + ".txt",
		"2026/11/24/index.jsonl",
		"target/20/2001-db8--7/2026-11.jsonl",
		"target/84/203.0.113.7/2026-11.jsonl",
		"target/d2/edge.example.net/2026-11.jsonl",
	}
	got := treeOf(t, dir)
	for i := range got { // the hashes are not what this is about
		if strings.HasPrefix(got[i], "target/") {
			got[i] = "target/" + got[i][len("target/00/"):]
		}
	}
	for i := range want {
		if strings.HasPrefix(want[i], "target/") {
			want[i] = "target/" + want[i][len("target/00/"):]
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("files -want +got\n%s", d)
	}

	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	days, err := a.Days()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Date{{2026, 11, 24}, {2026, 11, 23}}, days); d != "" {
		t.Error(d)
	}
	entries, err := a.Day(Date{2026, 11, 23})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]ulid.ULID{six.Evidence.ID, joined.ID, one.Evidence.ID}, idsOf(entries)); d != "" {
		t.Errorf("day -want +got\n%s", d)
	}
	lost, sent, avg, ttl, first := 1, 3, int64(9050), 3, 8.5
	wantEntry := Entry{
		ID: joined.ID, At: joined.Accepted, Node: "hk1", Target: netip.MustParseAddr("203.0.113.7"), Asked: "203.0.113.7",
		Protocol: "icmp", Source: "cli", Reason: "test <&>", Tags: map[string]string{"circuit": "GZ-2231"},
		State: report.Reached, Ended: report.EndedComplete, TTL: &ttl, Lost: &lost, Sent: &sent, AvgUS: &avg, MinUS: &avg, MedianUS: &avg, MaxUS: &avg,
		Verdict: one.Evidence.Verdict.Class, Grade: one.Evidence.Verdict.Grade, Freshness: report.Tail, AskedToFirstProbe: &first,
		File: "14/140532+0800_203.0.113.7_" + one.Evidence.ID.String(), Day: Date{2026, 11, 23},
	}
	found, err := a.Find(strings.ToLower(joined.ID.String()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(wantEntry, found, compareEntry); d != "" {
		t.Errorf("entry -want +got\n%s", d)
	}
	byTarget, err := a.Target("203.0.113.7")
	if err != nil {
		t.Fatal(err)
	}
	if len(byTarget) != 2 {
		t.Fatalf("target has %d entries, want 2", len(byTarget))
	}
	if d := cmp.Diff(wantEntry, byTarget[0], compareEntry); d != "" {
		t.Errorf("entry by target -want +got\n%s", d)
	}
	back, err := a.Load(found)
	if err != nil {
		t.Fatal(err)
	}
	wantJSON, _ := json.Marshal(one)
	gotJSON, _ := json.Marshal(back)
	if !bytes.Equal(wantJSON, gotJSON) {
		t.Errorf("loaded report differs:\n%s\n%s", wantJSON, gotJSON)
	}
	text, err := a.Text(found)
	if err != nil || string(text) != report.Text(one.In(a.Location())) {
		t.Errorf("text: %v\n%s", err, text)
	}
	if err := os.Remove(a.Path(found) + ".txt"); err != nil {
		t.Fatal(err)
	}
	if again, err := a.Text(found); err != nil || !bytes.Equal(text, again) {
		t.Errorf("text made again: %v\n%s", err, again)
	}
	line, _, _ := bytes.Cut(mustRead(t, filepath.Join(dir, "2026/11/23/index.jsonl")), []byte("\n"))
	if h, ok := parseHeader(line); !ok || h.Schema != 1 || h.Day != "2026-11-23" {
		t.Errorf("first line %s", line)
	}
	if !bytes.Contains(mustRead(t, filepath.Join(dir, "2026/11/23/index.jsonl")), []byte(`"at":"2026-11-23T14:05:32.123456+08:00"`)) {
		t.Error("at is not in the zone of the archive")
	}
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := zoned(t, "UTC", "2026-11-23T14:00:00Z")
	a, b := makeReport(t, at, 1, "203.0.113.7"), makeReport(t, at, 2, "203.0.113.7")
	c := makeReport(t, at.Add(-40*24*time.Hour), 3, "203.0.113.7")
	write(t, w, c, a, b)
	id := a.Evidence.ID.String()
	for name, tt := range map[string]struct {
		ref  string
		want ulid.ULID
		err  error // nil and zero want: ambiguous
	}{
		"whole":              {id, a.Evidence.ID, nil},
		"lower case":         {strings.ToLower(id), a.Evidence.ID, nil},
		"last":               {"last", b.Evidence.ID, nil},
		"unique beginning":   {c.Evidence.ID.String()[:9], c.Evidence.ID, nil},
		"ambiguous":          {id[:10], ulid.ULID{}, nil},
		"one letter":         {"0", ulid.ULID{}, nil},
		"none":               {makeID(t, at, 9).String(), ulid.ULID{}, ErrNotFound},
		"not an ID":          {"203.0.113.7", ulid.ULID{}, ErrNotFound},
		"path":               {"../../etc/passwd", ulid.ULID{}, ErrNotFound},
		"too long":           {id + "0", ulid.ULID{}, ErrNotFound},
		"empty":              {"", ulid.ULID{}, ErrNotFound},
		"beyond every ID":    {"9", ulid.ULID{}, ErrNotFound},
		"letter not of ours": {"01U", ulid.ULID{}, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := w.Find(tt.ref)
			var amb *AmbiguousError
			switch {
			case tt.err != nil:
				if !errors.Is(err, tt.err) {
					t.Errorf("got %v, want %v", err, tt.err)
				}
			case tt.want.IsZero():
				if !errors.As(err, &amb) || len(amb.IDs) < 2 {
					t.Errorf("got %v, want an AmbiguousError", err)
				}
			case err != nil || e.ID != tt.want:
				t.Errorf("got %s, %v, want %s", e.ID, err, tt.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "Asia/Hong_Kong")
	start := zoned(t, "Asia/Hong_Kong", "2026-10-30T12:00:00+08:00")
	for i := range 5 {
		at := start.Add(time.Duration(i) * 12 * time.Hour)
		r := makeReport(t, at, uint64(i), "203.0.113.7")
		if i == 3 {
			r = makeReport(t, at, uint64(i), "gone.example.net")
			r.Evidence.Node.Name = "gz1"
		}
		write(t, w, r)
	}
	thirty, forty := 30.0, 40.0
	for name, tt := range map[string]struct {
		q    Query
		want []byte // the last byte of each ID
	}{
		"all":             {Query{}, []byte{4, 3, 2, 1, 0}},
		"since":           {Query{Since: start.Add(24 * time.Hour)}, []byte{4, 3, 2}},
		"until":           {Query{Until: start.Add(24 * time.Hour)}, []byte{1, 0}},
		"node":            {Query{Node: "gz1"}, []byte{3}},
		"target":          {Query{Target: "203.0.113.7"}, []byte{4, 2, 1, 0}},
		"target in time":  {Query{Target: "203.0.113.7", Since: start.Add(time.Hour), Until: start.Add(25 * time.Hour)}, []byte{2, 1}},
		"target by name":  {Query{Target: "GONE.example.net."}, []byte{3}},
		"no such target":  {Query{Target: "203.0.113.8"}, []byte{}},
		"loss above":      {Query{LossAbove: &thirty}, []byte{4, 2, 1, 0}},
		"loss above more": {Query{LossAbove: &forty}, []byte{}},
		"limit":           {Query{Limit: 2}, []byte{4, 3}},
		"limit of target": {Query{Limit: 1, Target: "203.0.113.7"}, []byte{4}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.List(tt.q)
			if err != nil {
				t.Fatal(err)
			}
			last := []byte{}
			for _, e := range got {
				last = append(last, e.ID[15])
			}
			if !bytes.Equal(last, tt.want) {
				t.Errorf("got %v, want %v", last, tt.want)
			}
		})
	}
}

func TestGoldenIndex(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "Asia/Hong_Kong")
	at := zoned(t, "UTC", "2026-11-23T06:05:32.123456Z")
	write(t, w, makeReport(t, at, 1, "203.0.113.7"), makeReport(t, at.Add(time.Hour), 2, "nowhere.example.net"))
	var got []byte
	for _, name := range []string{"2026/11/23/index.jsonl", targetDir("203.0.113.7") + "/2026-11.jsonl"} {
		data := mustRead(t, filepath.Join(dir, name))
		h, ok := parseHeader(data[:bytes.IndexByte(data, '\n')])
		if !ok {
			t.Fatalf("%s has no first line", name)
		}
		got = append(got, bytes.Replace(data, []byte(h.Generation), []byte("GENERATION"), 1)...)
	}
	golden := "testdata/index.golden"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(string(mustRead(t, golden)), string(got)); d != "" {
		t.Errorf("-golden +got\n%s", d)
	}
}

// TestWriteAgain: a report that is there is not written, read or listed
// again, and another one in its place is refused.
func TestWriteAgain(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := zoned(t, "UTC", "2026-11-23T14:05:32Z")
	r := makeReport(t, at, 1, "203.0.113.7")
	write(t, w, r)
	path := w.Path(Entry{Day: Date{2026, 11, 23}, File: fileName(at, "203.0.113.7", r.Evidence.ID)}) + ".json"
	if err := os.WriteFile(path, []byte("not read"), 0o644); err != nil {
		t.Fatal(err)
	}
	write(t, w, r)
	if got := mustRead(t, path); string(got) != "not read" {
		t.Error("a report was replaced")
	}

	other := makeReport(t, at, 1, "203.0.113.7")
	other.Evidence.Requests = append(other.Evidence.Requests, makeReport(t, at, 2, "203.0.113.7").Evidence.Requests[0])
	if err := os.WriteFile(path, mustEncode(t, r), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(other); !errors.Is(err, ErrExists) {
		t.Errorf("one more request: got %v, want ErrExists", err)
	}
	renamed := makeReport(t, at, 1, "203.0.113.8")
	renamed.Evidence.Requests = other.Evidence.Requests
	if err := w.Write(renamed); !errors.Is(err, ErrExists) {
		t.Errorf("another target: got %v, want ErrExists", err)
	}
	if es, err := w.List(Query{}); err != nil || len(es) != 1 {
		t.Errorf("listed %v, %v", idsOf(es), err)
	}
}

func mustEncode(t testing.TB, r *report.Report) []byte {
	t.Helper()
	data, err := encodeReport(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEmptyAndLate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if es, err := a.List(Query{}); err != nil || len(es) != 0 {
		t.Errorf("list of nothing: %v, %v", es, err)
	}
	if _, err := a.Find("last"); !errors.Is(err, ErrNotFound) {
		t.Errorf("find in nothing: %v", err)
	}
	if ok, err := a.Has(ulid.Make()); ok || err != nil {
		t.Errorf("has in nothing: %v, %v", ok, err)
	}
	w := newWriter(t, dir, "UTC")
	r := makeReport(t, zoned(t, "UTC", "2026-11-23T14:00:00Z"), 1, "203.0.113.7")
	write(t, w, r)
	if e, err := a.Find("last"); err != nil || e.ID != r.Evidence.ID {
		t.Errorf("find after a writer came: %v, %v", e.ID, err)
	}
}
