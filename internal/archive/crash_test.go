package archive

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/report"
)

// crashEnv makes the test binary a writer that kills itself: "DIR STEP" is
// the archive and the step, counted from 0, at which it dies.
const crashEnv = "MTRQ_TEST_ARCHIVE_CRASH"

func TestMain(m *testing.M) {
	if v := os.Getenv(crashEnv); v != "" {
		dir, step, _ := strings.Cut(v, " ")
		os.Exit(crashingWriter(dir, step))
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// crashReports are what the crashing writer is to write; two of them in one
// hour, one of a target that is there already.
func crashReports(t testing.TB) []*report.Report {
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	return []*report.Report{
		makeReport(t, at, 1, "203.0.113.7"),
		makeReport(t, at.Add(time.Minute), 2, "203.0.113.8"),
		makeReport(t, at.Add(2*time.Minute), 3, "203.0.113.7"),
	}
}

// crashingWriter prints the ID of each report that Write acknowledged.
func crashingWriter(dir, step string) int {
	n, err := strconv.Atoi(step)
	if err != nil {
		return 2
	}
	w, err := OpenWriter(dir, "UTC")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	at := 0
	w.step = func(string) error {
		if at == n {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				return err
			}
			select {}
		}
		at++
		return nil
	}
	tb := new(testing.T)
	for _, r := range crashReports(tb) {
		if err := w.Write(r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		fmt.Println(r.Evidence.ID)
	}
	if err := w.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// TestCrash kills a writer at every step and wants of what it leaves: what
// was acknowledged is whole and listed; after Repair everything that has a
// file is; and all of it can be written again without a second copy.
func TestCrash(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for step := 0; ; step++ {
		dir := filepath.Join(t.TempDir(), "archive")
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", crashEnv, dir, step))
		var talk bytes.Buffer
		cmd.Stderr = &talk
		out, err := cmd.Output()
		var exit *exec.ExitError
		if err == nil {
			if step == 0 {
				t.Fatal("the writer has no steps")
			}
			break
		}
		if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
			t.Fatalf("step %d: %v\n%s", step, err, talk.String())
		}
		killed++
		afterCrash(t, step, dir, strings.Fields(string(out)))
	}
	// 1 step makes the index; each report passes 3 for its files, 1 to end
	// them, 2 for its lines.
	if killed != 1+3*6 {
		t.Errorf("killed at %d steps, want 19", killed)
	}
}

func afterCrash(t *testing.T, step int, dir string, acknowledged []string) {
	t.Helper()
	reader, err := Open(dir)
	if err != nil {
		t.Fatalf("step %d: %v", step, err)
	}
	defer reader.Close()
	before, err := reader.List(Query{})
	if err != nil {
		t.Fatalf("step %d: a reader fails: %v", step, err)
	}
	has := map[string]bool{}
	for _, e := range before {
		has[e.ID.String()] = true
		if _, err := reader.Load(e); err != nil {
			t.Errorf("step %d: listed and not there: %v", step, err)
		}
	}
	for _, id := range acknowledged {
		if !has[id] {
			t.Errorf("step %d: %s was acknowledged and is not listed", step, id)
		}
	}

	w := newWriter(t, dir, "UTC")
	// Another writer may have died while it made the archive.
	if err := os.WriteFile(filepath.Join(dir, tmpPrefix+infoName+"-4711"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Repair(); err != nil {
		t.Fatalf("step %d: repair: %v", step, err)
	}
	listed, err := w.List(Query{})
	if err != nil {
		t.Fatal(err)
	}
	jsons := 0
	for _, name := range treeOf(t, dir) {
		if strings.Contains(name, tmpPrefix) {
			t.Errorf("step %d: %s is left", step, name)
		}
		if strings.HasSuffix(name, ".json") {
			jsons++
		}
	}
	if jsons != len(listed) {
		t.Errorf("step %d: %d reports, %d listed after repair", step, jsons, len(listed))
	}
	for _, r := range crashReports(t) {
		// Recovery asks this to know whether a job is done.
		ok, err := w.Has(r.Evidence.ID)
		found := false
		for _, e := range listed {
			found = found || e.ID == r.Evidence.ID
		}
		if err != nil || ok != found {
			t.Errorf("step %d: Has(%s) is %v, %v; listed: %v", step, r.Evidence.ID, ok, err, found)
		}
	}

	write(t, w, crashReports(t)...)
	checkExactlyOnce(t, w, dir, crashReports(t))
	if n, err := w.Repair(); n != 0 || err != nil {
		t.Errorf("step %d: a second repair mended %d, %v", step, n, err)
	}
	for _, e := range mustDir(t, dir) {
		if strings.HasPrefix(e.Name(), markPrefix) && e.Name() != w.marks.name {
			t.Errorf("step %d: %s is left", step, e.Name())
		}
	}
}

func mustDir(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	es, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

// checkExactlyOnce wants each report once: a JSON, a text, a line of the
// day and a line of its target.
func checkExactlyOnce(t *testing.T, a *Writer, dir string, reports []*report.Report) {
	t.Helper()
	files := map[string]int{}
	for _, name := range treeOf(t, dir) {
		for _, r := range reports {
			id := r.Evidence.ID.String()
			switch {
			case strings.HasSuffix(name, id+".json"), strings.HasSuffix(name, id+".txt"):
				files[id]++
			case strings.HasSuffix(name, ".jsonl"):
				files[id] += bytes.Count(mustRead(t, filepath.Join(dir, name)), []byte(`{"id":"`+id+`"`))
			}
		}
	}
	for _, r := range reports {
		id := r.Evidence.ID.String()
		if files[id] != 4 {
			t.Errorf("%s is there %d times, want 2 files and 2 lines", id, files[id])
		}
		e, err := a.Find(id)
		if err != nil {
			t.Error(err)
			continue
		}
		if text, err := a.Text(e); err != nil || string(text) != report.Text(r) {
			t.Errorf("text of %s: %v", id, err)
		}
	}
}

func TestTornIndex(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	for name, damage := range map[string]func(data []byte) []byte{
		"last line torn":        func(d []byte) []byte { return d[:len(d)-20] },
		"only the end is torn":  func(d []byte) []byte { return d[:len(d)-1] },
		"first line torn":       func(d []byte) []byte { return d[:10] },
		"empty":                 func([]byte) []byte { return nil },
		"rubbish in the middle": func(d []byte) []byte { return bytes.Replace(d, []byte("\n"), []byte("\n\x00\xff{]\n"), 1) },
		"no first line":         func(d []byte) []byte { return d[bytes.IndexByte(d, '\n')+1:] },
		"a page of zeros": func(d []byte) []byte {
			i := bytes.LastIndex(d, []byte(`"node"`))
			copy(d[i:i+50], make([]byte, 50))
			return d
		},
		"a line too long": func(d []byte) []byte { return append(append(bytes.Repeat([]byte("x"), 2*maxLineBytes), '\n'), d...) },
		"a line points outside": func(d []byte) []byte {
			return append(d, []byte(`{"id":"`+makeID(t, at, 7).String()+`","at":"2026-11-23T14:00:00Z","file":"../../../../etc/passwd"}`+"\n")...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := OpenWriter(dir, "UTC")
			if err != nil {
				t.Fatal(err)
			}
			one, two, three := makeReport(t, at, 1, "203.0.113.7"), makeReport(t, at.Add(time.Second), 2, "203.0.113.7"), makeReport(t, at.Add(2*time.Second), 3, "203.0.113.7")
			write(t, w, one, two)
			// The writer dies here: its mark stays.
			for _, p := range []string{"2026/11/23/" + indexName, targetDir("203.0.113.7") + "/2026-11.jsonl"} {
				if err := os.WriteFile(filepath.Join(dir, p), damage(mustRead(t, filepath.Join(dir, p))), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.marks.file.Close(); err != nil {
				t.Fatal(err)
			}
			w.marks.file = nil

			if _, err := w.List(Query{}); err != nil {
				t.Errorf("a reader fails: %v", err)
			}
			for _, r := range []*report.Report{one, two} { // whatever the index says, the files are there
				if _, err := w.Find(r.Evidence.ID.String()); err != nil {
					t.Error(err)
				}
				if ok, err := w.Archive.Has(r.Evidence.ID); !ok || err != nil {
					t.Errorf("has: %v, %v", ok, err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			again := newWriter(t, dir, "UTC")
			if _, err := again.Repair(); err != nil {
				t.Fatal(err)
			}
			write(t, again, three)
			entries, err := again.List(Query{})
			if err != nil {
				t.Fatal(err)
			}
			want := []ulid.ULID{three.Evidence.ID, two.Evidence.ID, one.Evidence.ID}
			if d := cmp.Diff(want, idsOf(entries)); d != "" {
				t.Errorf("listed -want +got\n%s", d)
			}
			if es, err := again.Target("203.0.113.7"); err != nil || len(es) < 1 || es[0].ID != three.Evidence.ID {
				t.Errorf("by target: %v, %v", idsOf(es), err)
			}
			data := mustRead(t, filepath.Join(dir, "2026/11/23/"+indexName))
			if !again.hasHeader("2026/11/23/"+indexName) || data[len(data)-1] != '\n' {
				t.Errorf("the index is not whole:\n%s", data)
			}
		})
	}
}
