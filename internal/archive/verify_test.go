package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// damage is one thing that goes wrong in an archive: what verify must say of
// it, and what is left of that once Mend has done what it can.
type damage struct {
	do   func(t *testing.T, dir string)
	find []string // kinds
	left []string
}

// one is the path of the first report of years(w, 3), without ending.
const (
	oneDay  = "2026/11/21"
	oneHour = oneDay + "/14"
)

func firstReport(t *testing.T, dir string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, oneHour, "140532*.json"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return strings.TrimSuffix(list[0], ".json")
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	if err := os.WriteFile(path, change(bytes.Clone(mustRead(t, path))), 0o644); err != nil {
		t.Fatal(err)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func damages() map[string]damage {
	index := func(dir string) string { return filepath.Join(dir, oneDay, indexName) }
	byTarget := func(dir string) string {
		return filepath.Join(dir, targetDir("203.0.113.7"), "2026-11.jsonl")
	}
	dropLine := func(n int) func([]byte) []byte {
		return func(b []byte) []byte {
			lines := bytes.SplitAfter(b, []byte("\n"))
			return bytes.Join(slices.Delete(lines, n, n+1), nil)
		}
	}
	repeatLine := func(b []byte) []byte {
		lines := bytes.SplitAfter(b, []byte("\n"))
		return append(b, lines[1]...)
	}
	k := func(kinds ...FindingKind) (out []string) {
		for _, k := range kinds {
			out = append(out, string(k))
		}
		return out
	}
	return map[string]damage{
		"a report is gone": {func(t *testing.T, dir string) {
			ok(t, os.Remove(firstReport(t, dir)+".json"))
		}, k(Dangling, Dangling, Dangling, Dangling, Leftover), nil}, // two requests, two lines each; and its text
		"a report is cut off": {func(t *testing.T, dir string) {
			edit(t, firstReport(t, dir)+".json", func(b []byte) []byte { return b[:len(b)/2] })
		}, k(Unreadable), k(Unreadable)},
		"a report is there twice": {func(t *testing.T, dir string) {
			from := firstReport(t, dir)
			to := filepath.Join(filepath.Dir(from), strings.Replace(filepath.Base(from), "140532", "140533", 1))
			ok(t, os.WriteFile(to+".json", mustRead(t, from+".json"), 0o644))
			ok(t, os.WriteFile(to+".txt", mustRead(t, from+".txt"), 0o644))
		}, k(Doubled, Doubled, Misnamed), k(Doubled, Doubled, Misnamed)},
		"a report lies in another hour": {func(t *testing.T, dir string) {
			from := firstReport(t, dir)
			to := filepath.Join(dir, oneDay, "13", strings.Replace(filepath.Base(from), "140532", "130532", 1))
			ok(t, os.MkdirAll(filepath.Dir(to), 0o755))
			ok(t, os.Rename(from+".json", to+".json"))
			ok(t, os.Rename(from+".txt", to+".txt"))
		}, k(Misnamed, WrongLine, WrongLine, WrongLine, WrongLine), nil},
		"a text is gone":               {func(t *testing.T, dir string) { ok(t, os.Remove(firstReport(t, dir)+".txt")) }, k(NoText), nil},
		"a line of the day is gone":    {func(t *testing.T, dir string) { edit(t, index(dir), dropLine(2)) }, k(NotListed), nil},
		"a line by target is gone":     {func(t *testing.T, dir string) { edit(t, byTarget(dir), dropLine(2)) }, k(NotByTarget), nil},
		"a line of the day twice":      {func(t *testing.T, dir string) { edit(t, index(dir), repeatLine) }, k(WrongLine), nil},
		"a line by target twice":       {func(t *testing.T, dir string) { edit(t, byTarget(dir), repeatLine) }, k(WrongLine), nil},
		"the index of a day is gone":   {func(t *testing.T, dir string) { ok(t, os.Remove(index(dir))) }, k(NotListed, NotListed, NotListed, NotListed), nil},
		"the file of a target is gone": {func(t *testing.T, dir string) { ok(t, os.Remove(byTarget(dir))) }, k(NotByTarget, NotByTarget, NotByTarget, NotByTarget, NotByTarget, NotByTarget), nil},
		"a torn last line":             {func(t *testing.T, dir string) { edit(t, index(dir), func(b []byte) []byte { return b[:len(b)-9] }) }, k(DamagedIndex, NotListed), nil},
		"a page of zeros in a target's": {func(t *testing.T, dir string) {
			edit(t, byTarget(dir), func(b []byte) []byte { copy(b[bytes.IndexByte(b, '\n')+20:], make([]byte, 30)); return b })
		}, k(DamagedIndex, NotByTarget), nil},
		"no first line": {func(t *testing.T, dir string) { edit(t, index(dir), dropLine(0)) }, k(DamagedIndex), nil},
		"a line says what its report does not": {func(t *testing.T, dir string) {
			edit(t, index(dir), func(b []byte) []byte { return bytes.Replace(b, []byte(`"lost":1`), []byte(`"lost":0`), 1) })
		}, k(WrongLine), nil},
		"the index of another day": {func(t *testing.T, dir string) {
			edit(t, index(dir), func([]byte) []byte { return mustRead(t, filepath.Join(dir, "2026/11/22", indexName)) })
		}, k(DamagedIndex, Dangling, Dangling, Dangling, Dangling, NotListed, NotListed, NotListed, NotListed), nil},
		"unfinished files": {func(t *testing.T, dir string) {
			for _, p := range []string{oneDay, oneHour} {
				ok(t, os.WriteFile(filepath.Join(dir, p, tmpPrefix+makeID(t, noon, 1).String()), []byte("x"), 0o644))
			}
		}, k(Leftover, Leftover), nil},
		"strange files": {func(t *testing.T, dir string) {
			for _, p := range []string{"notes", oneDay + "/notes", oneHour + "/x.json"} {
				ok(t, os.WriteFile(filepath.Join(dir, p), []byte("x"), 0o644))
			}
			ok(t, os.Symlink("/etc/passwd", filepath.Join(dir, oneHour, "140532+0000_203.0.113.7_"+makeID(t, noon, 2).String()+".json")))
		}, k(Strange, Strange, Strange, Strange), k(Strange, Strange, Strange, Strange)},
		"a prune that died": {func(t *testing.T, dir string) {
			ok(t, os.Rename(filepath.Join(dir, oneDay), filepath.Join(dir, trashDay+"2026-11-21-"+makeID(t, noon, 3).String())))
		}, k(Dangling, Dangling, Dangling, Dangling, Unfinished), nil},
		"an incident is cut off": {func(t *testing.T, dir string) {
			list, err := filepath.Glob(filepath.Join(dir, oneDay, incidentsName, "*.json"))
			ok(t, err)
			edit(t, list[0], func(b []byte) []byte { return b[:40] })
		}, k(Unreadable), k(Unreadable)},
	}
}

// TestVerify plants every damage and wants it told, and mended or still told.
// It is also what shows that an archive in which verify finds nothing is one.
func TestVerify(t *testing.T) {
	was := ""
	yearsIn(t, &was, 3)
	for name, d := range damages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := yearsIn(t, &was, 3)
			wantSound(t, dir, "before the damage")
			d.do(t, dir)
			kinds := func() (out []string) {
				list, _ := findings(t, dir)
				for _, f := range list {
					kind, _, _ := strings.Cut(f, " 2")
					kind, _, _ = strings.Cut(kind, " target/")
					kind, _, _ = strings.Cut(kind, " .")
					out = append(out, strings.TrimSuffix(kind, " notes"))
				}
				slices.Sort(out)
				return out
			}
			slices.Sort(d.find)
			if diff := cmp.Diff(d.find, kinds()); diff != "" {
				t.Errorf("findings -want +got\n%s", diff)
			}
			mender := newWriter(t, dir, "UTC")
			var list []Finding
			_, err := mender.Verify(t.Context(), Date{}, func(f Finding) { list = append(list, f) })
			ok(t, err)
			if _, err := mender.Mend(t.Context(), list); err != nil && len(d.left) == 0 {
				t.Error(err)
			}
			if diff := cmp.Diff(d.left, kinds()); diff != "" {
				t.Errorf("after Mend -want +got\n%s", diff)
			}
		})
	}
}

// TestReindex makes every index of an archive anew that has lost them all,
// and leaves alone what says the right thing already.
func TestReindex(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	years(t, w, 40) // over two months
	if _, err := w.Prune(t.Context(), Limits{Now: noon, CompressAfter: 20 * dayLong}, nil); err != nil {
		t.Fatal(err)
	}
	before, err := w.List(Query{})
	ok(t, err)
	done, err := w.Reindex(t.Context(), nil, nil)
	if err != nil || done.RewrittenDays != 0 || done.RewrittenTargets != 0 || done.Reports != 120 || done.Days != 40 {
		t.Errorf("of a sound archive: %+v, %v; want 120 reports of 40 days, and nothing written", done, err)
	}
	for _, name := range treeOf(t, dir) {
		if strings.HasSuffix(name, ".jsonl") {
			ok(t, os.Remove(filepath.Join(dir, name)))
		}
	}
	done, err = w.Reindex(t.Context(), nil, nil)
	if err != nil || done.RewrittenDays != 40 || done.RewrittenTargets != 6 {
		t.Errorf("%+v, %v; want 40 days and 6 files of targets", done, err)
	}
	after, err := w.List(Query{})
	ok(t, err)
	if d := cmp.Diff(before, after, compareEntry); d != "" {
		t.Errorf("listed -before +after\n%s", d)
	}
	wantSound(t, dir, "after reindex")

	// A report that nobody can read keeps its line.
	p := firstReportOf(t, dir)
	edit(t, p, func(b []byte) []byte { return b[:100] })
	edit(t, filepath.Join(dir, "2026/11/23", indexName), func(b []byte) []byte { return append(b, "torn"...) })
	day, err := ParseDate("2026-11-23")
	ok(t, err)
	if done, err = w.Reindex(t.Context(), []Date{day}, nil); err != nil || done.Kept != 2 || done.RewrittenDays != 1 {
		t.Errorf("%+v, %v; want one day with the 2 lines of the report that cannot be read", done, err)
	}
	if again, err := w.Day(day); err != nil || len(again) != 4 {
		t.Errorf("%d lines, %v; want 4", len(again), err)
	}
}

func firstReportOf(t *testing.T, dir string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "2026/11/23/14/*.json"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0]
}

// TestReindexRefuses does not touch an index that a newer mtrq has written.
func TestReindexRefuses(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	write(t, w, makeReport(t, time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC), 1, "203.0.113.7"))
	p := filepath.Join(dir, "2026/11/23", indexName)
	edit(t, p, func(b []byte) []byte { return bytes.Replace(b, []byte(`"schema":1`), []byte(`"schema":9`), 1) })
	before := mustRead(t, p)
	if _, err := w.Reindex(t.Context(), nil, nil); err == nil {
		t.Error("it went through")
	}
	if !bytes.Equal(before, mustRead(t, p)) {
		t.Error("the index was changed")
	}
}
