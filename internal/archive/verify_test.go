package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/report"
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

func firstIncident(t *testing.T, dir string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, oneDay, incidentsName, "*.json"))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return strings.TrimSuffix(list[0], ".json")
}

// compress puts the reports of years into zips.
func compress(t *testing.T, dir string) {
	t.Helper()
	_, err := newWriter(t, dir, "UTC").Prune(t.Context(), Limits{Now: noon, CompressAfter: dayLong}, nil)
	ok(t, err)
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
		"a first line names another day": {func(t *testing.T, dir string) {
			edit(t, index(dir), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"day":"2026-11-21"`), []byte(`"day":"2026-11-22"`), 1)
			})
		}, k(DamagedIndex), nil},
		"a first line names no day": {func(t *testing.T, dir string) {
			edit(t, index(dir), func(b []byte) []byte { return bytes.Replace(b, []byte(`,"day":"2026-11-21"`), nil, 1) })
		}, k(DamagedIndex), nil},
		"a first line names another month": {func(t *testing.T, dir string) {
			edit(t, byTarget(dir), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"month":"2026-11"`), []byte(`"month":"2026-10"`), 1)
			})
		}, k(DamagedIndex), nil},
		"a first line names another target": {func(t *testing.T, dir string) {
			edit(t, byTarget(dir), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"target":"203.0.113.7"`), []byte(`"target":"203.0.113.8"`), 1)
			})
		}, k(DamagedIndex), nil},
		"the archive is a mount point": {func(t *testing.T, dir string) { ok(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700)) }, nil, nil},
		"a host name that no file name holds": {func(t *testing.T, dir string) {
			w := newWriter(t, dir, "UTC")
			for i, name := range []string{strings.Repeat("edge.", 40) + "example.net", "Under_Score.example.net"} {
				write(t, w, makeReport(t, noon, uint64(900+i), name))
			}
		}, nil, nil},
		"a verdict by older rules": {func(t *testing.T, dir string) {
			r := makeReport(t, noon, 900, "203.0.113.7")
			r.Evidence.Verdict = report.Verdict{Class: report.RealLoss, Grade: report.Certain, Rules: []string{"R1"}, Sentence: "as it was", RulesVersion: report.RulesVersion - 1}
			write(t, newWriter(t, dir, "UTC"), r)
		}, nil, nil},
		"lines with the mean alone, as older mtrqs wrote them": {func(t *testing.T, dir string) {
			for _, p := range []string{index(dir), byTarget(dir)} {
				edit(t, p, func(b []byte) []byte { return regexp.MustCompile(`"(min|median|max)_us":\d+,`).ReplaceAll(b, nil) })
			}
		}, nil, nil},
		"fields that only a newer mtrq knows": {func(t *testing.T, dir string) {
			edit(t, index(dir), func(b []byte) []byte {
				return bytes.ReplaceAll(b, []byte(`,"file":`), []byte(`,"colour":"red","file":`))
			})
		}, nil, nil},
		"a text is empty": {func(t *testing.T, dir string) { ok(t, os.Truncate(firstReport(t, dir)+".txt", 0)) }, k(NoText), nil},
		"a text is gone in a zip": {func(t *testing.T, dir string) {
			ok(t, os.Remove(firstReport(t, dir)+".txt"))
			compress(t, dir)
		}, k(NoText), nil},
		"a text is empty in a zip": {func(t *testing.T, dir string) {
			ok(t, os.Truncate(firstReport(t, dir)+".txt", 0))
			compress(t, dir)
		}, k(NoText), nil},
		"an incident's text is gone": {func(t *testing.T, dir string) { ok(t, os.Remove(firstIncident(t, dir)+".txt")) }, k(NoText), nil},
		"an incident's text is empty and its picture gone": {func(t *testing.T, dir string) {
			ok(t, os.Truncate(firstIncident(t, dir)+".txt", 0))
			ok(t, os.Remove(firstIncident(t, dir)+".svg"))
		}, k(NoText, NoText), nil},
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
			edit(t, firstIncident(t, dir)+".json", func(b []byte) []byte { return b[:40] })
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

// TestVerifyLines alters and removes each field of a line of the day and of
// one by target, and wants it found and mended.
func TestVerifyLines(t *testing.T) {
	was := t.TempDir()
	w := newWriter(t, was, "UTC")
	r := makeReport(t, noon, 1, "203.0.113.7")
	ttl, ms, q := 3, 7.5, &r.Evidence.Requests[0]
	r.Evidence.Target.TTL, q.AskedToFirstProbe = &ttl, &ms
	q.Event, q.Tags, q.Freshness = "zabbix-481516", map[string]string{"circuit": "GZ-2231"}, report.InEvent
	write(t, w, r)
	wantSound(t, was, "before the damage")
	day := DateOf(noon, time.UTC)
	for where, p := range map[string]string{"day": day.Path() + "/" + indexName, "target": targetDir("203.0.113.7") + "/2026-11.jsonl"} {
		for f := range reflect.TypeFor[Entry]().Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if key == "-" {
				continue
			}
			field := regexp.MustCompile(`"` + key + `":("[^"]*"|[\d.]+|\{[^}]*\}),?`)
			for how, change := range map[string]func(string) string{
				"altered": func(s string) string {
					i := strings.LastIndexAny(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHJKMNPQRSTVWXYZ")
					c := byte('1')
					if s[i] == c {
						c = '2'
					}
					return s[:i] + string(c) + s[i+1:]
				},
				"gone": func(string) string { return "" },
			} {
				t.Run(where+" "+key+" "+how, func(t *testing.T) {
					t.Parallel()
					dir := t.TempDir()
					ok(t, os.CopyFS(dir, os.DirFS(was)))
					edit(t, filepath.Join(dir, p), func(b []byte) []byte {
						head, line, _ := strings.Cut(string(b), "\n")
						if !field.MatchString(line) {
							t.Fatalf("no %q in %s: the test's report lacks it", key, line)
						}
						line = strings.Replace(field.ReplaceAllStringFunc(line, change), ",}", "}", 1)
						return []byte(head + "\n" + line)
					})
					var list []Finding
					w := newWriter(t, dir, "UTC")
					_, err := w.Verify(t.Context(), Date{}, func(f Finding) { list = append(list, f) })
					ok(t, err)
					if len(list) == 0 {
						t.Errorf("not found: %s", mustRead(t, filepath.Join(dir, p)))
					}
					_, err = w.Mend(t.Context(), list)
					ok(t, err)
					wantSound(t, dir, "after Mend")
				})
			}
		}
	}
}

// TestMendTextInZip has the text that Mend lays beside a zip put into it by
// the next prune, and by nothing else.
func TestMendTextInZip(t *testing.T) {
	was := ""
	dir := yearsIn(t, &was, 3)
	text := mustRead(t, firstReport(t, dir)+".txt")
	ok(t, os.Remove(firstReport(t, dir)+".txt"))
	compress(t, dir)
	w := newWriter(t, dir, "UTC")
	var list []Finding
	_, err := w.Verify(t.Context(), Date{}, func(f Finding) { list = append(list, f) })
	ok(t, err)
	_, err = w.Mend(t.Context(), list)
	ok(t, err)
	if got := mustRead(t, firstReport(t, dir)+".txt"); !bytes.Equal(got, text) {
		t.Errorf("got %s\nwant %s", got, text)
	}
	compress(t, dir)
	if _, err := os.Lstat(filepath.Join(dir, oneHour)); err == nil {
		t.Error("the hour's directory is there after the next prune")
	}
	wantSound(t, dir, "after the next prune")
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
