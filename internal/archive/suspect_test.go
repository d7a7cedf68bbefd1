package archive

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

func makeSuspect(t testing.TB, at time.Time, n uint64, target string) report.Suspect {
	t.Helper()
	addr, err := netip.ParseAddr(target)
	if err != nil {
		addr = netip.MustParseAddr("203.0.113.99")
	}
	whole := true
	return report.Suspect{ID: makeID(t, at, n), At: at, Target: target, Address: addr, Lost: 1, Sent: 12,
		Strip: "rrrr-rrrrrrr", Path: []string{"198.51.100.1", "", addr.String()}, PathOK: &whole}
}

func appendSuspects(t testing.TB, w *Writer, suspects ...report.Suspect) {
	t.Helper()
	for _, s := range suspects {
		if err := w.AppendSuspect(s); err != nil {
			t.Fatal(err)
		}
	}
}

func suspectIDs(list []report.Suspect) []string {
	out := []string{}
	for _, s := range list {
		out = append(out, s.ID.String())
	}
	return out
}

func TestSuspects(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "Asia/Hong_Kong")
	at := zoned(t, "Asia/Hong_Kong", "2026-11-23T23:59:58+08:00")
	a := makeSuspect(t, at, 1, "203.0.113.7")
	b := makeSuspect(t, at.Add(time.Second), 2, "edge.example.net")
	c := makeSuspect(t, at.Add(2*time.Second), 3, "203.0.113.7") // the next day
	appendSuspects(t, w, c, b, a)
	if n := bytes.Count(mustRead(t, filepath.Join(dir, "2026/11/23/suspects.jsonl")), []byte("\n")); n != 2 {
		t.Errorf("the 23rd has %d lines, want 2", n)
	}
	reader, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, tc := range []struct {
		name   string
		since  time.Time
		limit  int
		target string
		want   []report.Suspect
	}{
		{"all", time.Time{}, 0, "", []report.Suspect{c, b, a}},
		{"limit", time.Time{}, 2, "", []report.Suspect{c, b}},
		{"since", b.At, 0, "", []report.Suspect{c, b}},
		{"since and limit", b.At, 1, "", []report.Suspect{c}},
		{"the next day", c.At, 0, "", []report.Suspect{c}},
		{"target", time.Time{}, 0, "203.0.113.7", []report.Suspect{c, a}},
		{"name", time.Time{}, 0, "EDGE.example.net", []report.Suspect{b}},
		{"address of a name", time.Time{}, 0, "203.0.113.99", []report.Suspect{b}},
		{"none", time.Time{}, 0, "192.0.2.1", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := reader.Suspects(tc.since, tc.limit, tc.target)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(suspectIDs(tc.want), suspectIDs(got)); d != "" {
				t.Errorf("-want +got\n%s", d)
			}
			for i := range got {
				if d := cmp.Diff(tc.want[i], got[i], compareEntry); d != "" {
					t.Errorf("-want +got\n%s", d)
				}
			}
		})
	}
	for name, change := range map[string]func(*report.Suspect){
		"no ID":     func(s *report.Suspect) { s.ID = [16]byte{} },
		"no time":   func(s *report.Suspect) { s.At = time.Time{} },
		"no target": func(s *report.Suspect) { s.Target = "" },
		"too long":  func(s *report.Suspect) { s.Strip = strings.Repeat("r", maxLineBytes) },
	} {
		s := a
		change(&s)
		if err := w.AppendSuspect(s); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	if got, err := reader.Suspects(time.Time{}, 0, ""); err != nil || len(got) != 3 {
		t.Errorf("%d after what was refused, %v", len(got), err)
	}
	// Reports, their lists and Repair know nothing of them.
	write(t, w, makeReport(t, at, 9, "203.0.113.7"))
	if entries, err := w.List(Query{}); err != nil || len(entries) != 1 {
		t.Errorf("%d reports, %v", len(entries), err)
	}
	if n, err := w.Repair(); n != 0 || err != nil {
		t.Errorf("repair: %d, %v", n, err)
	}
}

func TestSuspectsTorn(t *testing.T) {
	at := zoned(t, "UTC", "2026-11-23T14:05:32Z")
	for name, tc := range map[string]struct {
		damage func([]byte) []byte
		left   int // of two
	}{
		"last line torn":        {func(d []byte) []byte { return d[:len(d)-20] }, 1},
		"only the end is torn":  {func(d []byte) []byte { return d[:len(d)-1] }, 2}, // whole again once it is ended
		"rubbish in the middle": {func(d []byte) []byte { return bytes.Replace(d, []byte("\n"), []byte("\n\x00\xff{]\n{}\n\n"), 1) }, 2},
		"a line too long":       {func(d []byte) []byte { return append(bytes.Repeat([]byte("x"), 2*maxLineBytes), '\n') }, 0},
		"empty":                 {func([]byte) []byte { return nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWriter(t, dir, "UTC")
			appendSuspects(t, w, makeSuspect(t, at, 1, "203.0.113.7"), makeSuspect(t, at, 2, "203.0.113.8"))
			p := filepath.Join(dir, "2026/11/23/suspects.jsonl")
			if err := os.WriteFile(p, tc.damage(mustRead(t, p)), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Suspects(time.Time{}, 0, ""); err != nil {
				t.Errorf("a reader fails: %v", err)
			}
			three := makeSuspect(t, at.Add(time.Second), 3, "203.0.113.9")
			appendSuspects(t, w, three)
			got, err := w.Suspects(time.Time{}, 0, "")
			if err != nil || len(got) != tc.left+1 || got[0].ID != three.ID {
				t.Errorf("got %v, %v, want %d and the new one first", suspectIDs(got), err, tc.left)
			}
		})
	}
}

func TestSuspectsFull(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := zoned(t, "UTC", "2026-11-23T14:05:32Z")
	one := makeSuspect(t, at, 1, "203.0.113.7")
	appendSuspects(t, w, one)
	p := filepath.Join(dir, "2026/11/23/suspects.jsonl")
	size := int64(len(mustRead(t, p)))
	// A hole to 10 bytes below the bound stands for a day of suspects.
	if err := os.Truncate(p, maxSuspectsBytes-10); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.AppendSuspect(makeSuspect(t, at, 2, "203.0.113.8")); !errors.Is(err, ErrSuspectsFull) {
			t.Errorf("got %v, want ErrSuspectsFull", err)
		}
	}
	if st, err := os.Stat(p); err != nil || st.Size() != maxSuspectsBytes-10 {
		t.Errorf("it grew all the same: %v", err)
	}
	// The next day has room.
	next := makeSuspect(t, at.Add(24*time.Hour), 3, "203.0.113.9")
	appendSuspects(t, w, next)
	got, err := w.Suspects(time.Time{}, 0, "")
	if err != nil || len(got) != 2 {
		t.Errorf("got %v, %v", suspectIDs(got), err)
	}
	if err := os.Truncate(p, size); err != nil {
		t.Fatal(err)
	}
	appendSuspects(t, w, makeSuspect(t, at, 2, "203.0.113.8"))
}

// TestSuspectsTogether appends through two writers at the same time: every
// line arrives whole.
func TestSuspectsTogether(t *testing.T) {
	dir := t.TempDir()
	writers := []*Writer{newWriter(t, dir, "UTC"), newWriter(t, dir, "UTC")}
	at := zoned(t, "UTC", "2026-11-23T23:59:59.9Z") // over midnight
	const n = 3000
	var wg sync.WaitGroup
	for g := range 10 {
		wg.Go(func() {
			for i := g; i < n; i += 10 {
				s := makeSuspect(t, at.Add(time.Duration(i)*time.Millisecond/10), uint64(i), fmt.Sprintf("198.18.%d.%d", i/250, i%250))
				if err := writers[i%2].AppendSuspect(s); err != nil {
					t.Error(err)
					return
				}
				if i%500 == 0 {
					if err := writers[1].Write(makeReport(t, s.At, uint64(i), s.Target)); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	got, err := writers[0].Suspects(time.Time{}, 0, "")
	if err != nil || len(got) != n {
		t.Fatalf("%d of %d, %v", len(got), n, err)
	}
	for i := 1; i < n; i++ {
		if got[i].At.After(got[i-1].At) {
			t.Fatalf("place %d is newer than the one before", i)
		}
	}
	// The limit keeps the newest although lines come in any order.
	few, err := writers[0].Suspects(time.Time{}, 5, "")
	if d := cmp.Diff(suspectIDs(got[:5]), suspectIDs(few)); d != "" || err != nil {
		t.Errorf("%v -want +got\n%s", err, d)
	}
}

func TestStrangeSuspects(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	at := zoned(t, "UTC", "2026-11-23T14:05:32Z")
	for name, put := range map[string]func(p string) error{
		"a link out":  func(p string) error { return os.Symlink(outside, p) },
		"a link in":   func(p string) error { return os.Symlink("../../../"+infoName, p) },
		"a pipe":      func(p string) error { return unix.Mkfifo(p, 0o644) },
		"a directory": func(p string) error { return os.Mkdir(p, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWriter(t, dir, "UTC")
			p := filepath.Join(dir, "2026/11/23/suspects.jsonl")
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := put(p); err != nil {
				t.Fatal(err)
			}
			before := mustRead(t, filepath.Join(dir, infoName))
			if err := w.AppendSuspect(makeSuspect(t, at, 1, "203.0.113.7")); err == nil {
				t.Error("was appended")
			}
			if got, err := w.Suspects(time.Time{}, 0, ""); err != nil || len(got) != 0 {
				t.Errorf("read %d, %v: a strange thing hides no other day", len(got), err)
			}
			if _, err := os.Lstat(outside); !errors.Is(err, os.ErrNotExist) {
				t.Error("something was made outside")
			}
			if !bytes.Equal(before, mustRead(t, filepath.Join(dir, infoName))) {
				t.Error(".mtrq changed")
			}
		})
	}
}
