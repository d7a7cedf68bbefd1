package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// joinedByName answers a request for an address, and one that joined it by a
// name.
func joinedByName(t testing.TB, at time.Time, n uint64, target, name string) *report.Report {
	r := makeReport(t, at, n, target)
	q := r.Evidence.Requests[0]
	q.ID, q.Accepted, q.Asked = makeID(t, at.Add(time.Second), n+1), at.Add(time.Second), name
	r.Evidence.Requests = append(r.Evidence.Requests, q)
	return r
}

// TestAskedByName finds a request that joined another's trace by what it
// asked for itself.
func TestAskedByName(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	joined := joinedByName(t, at, 1, "203.0.113.7", "edge-gz.example.net")
	byName := joinedByName(t, at.Add(time.Minute), 5, "203.0.113.8", "203.0.113.8")
	byName.Evidence.Target.Asked = "core.example.net"
	write(t, w, joined, byName)
	first, second := joined.Evidence.Requests[0].ID, joined.Evidence.Requests[1].ID
	for target, want := range map[string][]ulid.ULID{
		"edge-gz.example.net":  {second},
		"Edge-GZ.example.net.": {second},
		"203.0.113.7":          {second, first},
		"core.example.net":     {byName.Evidence.Requests[0].ID},
		"203.0.113.8":          {byName.Evidence.Requests[1].ID, byName.Evidence.Requests[0].ID},
	} {
		list, err := w.List(Query{Target: target})
		ok(t, err)
		if got := idsOf(list); !slices.Equal(got, want) {
			t.Errorf("list %s: %v, want %v", target, got, want)
		}
		tv, err := w.ViewTarget(target, time.Time{}, time.Time{}, 0, View{Limit: 10})
		ok(t, err)
		if got := idsOf(tv.Entries); !slices.Equal(got, want) {
			t.Errorf("page of %s: %v, want %v", target, got, want)
		}
	}
	hits, err := w.Search("edge-gz", 0)
	if err != nil || len(hits) != 1 || hits[0].Target != "203.0.113.7" || hits[0].Detail != "edge-gz.example.net" {
		t.Errorf("search: %+v, %v", hits, err)
	}
	if e, err := w.Find(first.String()); err != nil || e.Asked != "203.0.113.7" {
		t.Errorf("the first request asked for %q, %v", e.Asked, err)
	}
	wantSound(t, w.Dir(), "as it is written")
}

// TestAskedInOldLines takes lines in which older mtrqs named the report's
// target for every request, and gives them the request's own when asked to.
func TestAskedInOldLines(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	write(t, w, joinedByName(t, at, 1, "203.0.113.7", "edge-gz.example.net"))
	as := func(name string) {
		for _, p := range []string{"2026/11/23/" + indexName, targetDir("203.0.113.7") + "/2026-11.jsonl"} {
			edit(t, filepath.Join(dir, p), func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte(`"asked":"edge-gz.example.net"`), []byte(`"asked":"`+name+`"`))
			})
		}
	}
	as("203.0.113.7")
	wantSound(t, dir, "with older lines")
	again := newWriter(t, dir, "UTC")
	if done, err := again.Reindex(t.Context(), nil, nil); err != nil || done.RewrittenDays != 1 || done.RewrittenTargets != 1 {
		t.Errorf("reindex: %+v, %v; want a day and a target", done, err)
	}
	if list, err := again.List(Query{Target: "edge-gz.example.net"}); err != nil || len(list) != 1 {
		t.Errorf("after reindex: %d, %v; want 1", len(list), err)
	}
	wantSound(t, dir, "after reindex")
	as("elsewhere.example.net")
	if list, _ := findings(t, dir); len(list) != 2 {
		t.Errorf("of a name that nobody asked for: %v; want two wrong lines", list)
	}
}

// TestAskedNowhere keeps a request for a name that leads nowhere with its
// report, in one file.
func TestAskedNowhere(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	write(t, w, joinedByName(t, at, 1, "nowhere.example.net", "other.example.net"))
	wantSound(t, dir, "as it is written")
	for _, p := range []string{"2026/11/23/" + indexName, targetDir("nowhere.example.net") + "/2026-11.jsonl"} {
		ok(t, os.Remove(filepath.Join(dir, p)))
	}
	again := newWriter(t, dir, "UTC")
	_, err := again.Reindex(t.Context(), nil, nil)
	ok(t, err)
	wantSound(t, dir, "after reindex")
}
