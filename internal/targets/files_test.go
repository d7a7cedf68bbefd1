package targets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// quick is Lists whose files settle in no time and are scanned seldom: what
// is seen soon is seen by hint.
func quick(l *Lists) *Lists {
	l.fileSettle, l.scan, l.repoll = 20*time.Millisecond, time.Hour, 20*time.Millisecond
	return l
}

func TestFilesAndDirectories(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "lists.d")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(dir, "one.txt")
	write(t, one, "203.0.113.1\n")
	write(t, filepath.Join(sub, "b.json"), `[{"targets": ["203.0.113.3"]}]`)
	write(t, filepath.Join(sub, "a"), "203.0.113.2\n")
	write(t, filepath.Join(sub, "c.yml"), "- targets: ['203.0.113.9']\n")
	for _, name := range []string{".hidden", "a~", ".a.swp", "b.json.tmp", "#a#"} {
		if err := os.WriteFile(filepath.Join(sub, name), []byte("203.0.113.66\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(sub, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := start(t, quick(&Lists{Targets: []string{"192.0.2.1"}, Files: []string{one, sub}}))
	if got := namesOf(w.last); got != "192.0.2.1" {
		t.Errorf("the first list has %s, want the configuration only", got)
	}
	w.has("192.0.2.1", "203.0.113.1", "203.0.113.2", "203.0.113.3")
	l := w.hasErr(filepath.Join(sub, "c.yml"), "YAML is not read: write the same list as JSON")
	if s, _ := sourceOf(l, filepath.Join(sub, "fifo")); !strings.Contains(s.Err, "no regular file") {
		t.Errorf("of a FIFO: %+v", s)
	}
	if got := targetOf(t, l, "203.0.113.3").Source; got != filepath.Join(sub, "b.json") {
		t.Errorf("got source %s", got)
	}

	// Each by hint: the scan is an hour away.
	write(t, one, "203.0.113.11\n")
	w.has("192.0.2.1", "203.0.113.11", "203.0.113.2", "203.0.113.3")
	write(t, filepath.Join(sub, "d"), "203.0.113.4\n")
	w.has("192.0.2.1", "203.0.113.11", "203.0.113.2", "203.0.113.3", "203.0.113.4")
	write(t, filepath.Join(sub, "b.json"), `[{"targets": ["203.0.113.3"`)
	w.hasErr(filepath.Join(sub, "b.json"), "the list ends before its ]: was it written to the end?; used is the last good list")
	w.has("192.0.2.1", "203.0.113.11", "203.0.113.2", "203.0.113.3", "203.0.113.4")
	write(t, filepath.Join(sub, "b.json"), `[{"targets": ["203.0.113.33", "203.0.113.256"]}]`)
	w.has("192.0.2.1", "203.0.113.11", "203.0.113.2", "203.0.113.33", "203.0.113.4")
	w.hasErr(filepath.Join(sub, "b.json"), `line 1: "203.0.113.256" looks like`)
}

// TestFileWrittenInPlace: a file that is filled bit by bit is read when it
// rests, never half.
func TestFileWrittenInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.txt")
	write(t, path, "203.0.113.1\n203.0.113.2\n")
	l := quick(&Lists{Files: []string{path}})
	l.fileSettle = 300 * time.Millisecond
	w := start(t, l)
	w.has("203.0.113.1", "203.0.113.2")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if _, err := fmt.Fprintf(f, "203.0.113.%d\n", 10+i); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond) // the pace of a slow writer; nothing is judged by it
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for len(w.last.Targets) != 30 {
		w.until("another list", func(l List) bool { return len(l.Targets) != 2 })
		if n := len(w.last.Targets); n != 30 && n != 2 {
			// The writer may be kept waiting longer than the file must rest: then
			// a part of it is a list like any other. It must grow to the whole.
			t.Logf("a part was read: %d targets", n)
			w.until("the whole", func(l List) bool { return len(l.Targets) == 30 })
		}
	}
}

// TestFileAlwaysChanging: a log by mistake, say. What was good stays, and it
// is said.
func TestFileAlwaysChanging(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.txt")
	write(t, path, "203.0.113.1\n")
	f := files{entries: []string{path}, now: time.Now, settle: time.Hour, emptyAfter: emptyAfter}
	f.restore(nil)
	if v, _ := f.look(); len(v) != 1 || show(v[0].entries) != "203.0.113.1" {
		t.Fatalf("got %+v", v)
	}
	k := f.known[path]
	for i := range 3 {
		write(t, path, strings.Repeat("203.0.113.2\n", i+2))
		if v, again := f.look(); !again || show(v[0].entries) != "203.0.113.1" || v[0].Err != "" {
			t.Fatalf("look %d at a moving file: %+v, again %v", i, v[0], again)
		}
	}
	k.moving = time.Now().Add(-21 * time.Hour) // longer than it may
	if again := f.moves(k, mark{size: 1}, time.Now()); again {
		t.Error("it is waited for without end")
	}
	write(t, path, "203.0.113.3\n")
	if v, _ := f.look(); show(v[0].entries) != "203.0.113.3" {
		t.Errorf("a file that moves for long is never read: %+v", v[0])
	}
}

func TestDirectoryGoneAndBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lists.d")
	list := filepath.Join(dir, "a.txt")
	mkdir := func() {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mkdir()
	write(t, list, "203.0.113.1\n")
	w := start(t, quick(&Lists{Files: []string{dir}}))
	w.has("203.0.113.1")
	for i := range 2 { // removed; then moved away
		if i == 0 {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Rename(dir, dir+".old"); err != nil {
			t.Fatal(err)
		}
		w.hasErr(list, dir+": no such file or directory; used is the last good list")
		if got := namesOf(w.last); i == 0 && got != "203.0.113.1" {
			t.Errorf("got %s while the directory is away", got)
		}
		mkdir()
		write(t, list, fmt.Sprintf("203.0.113.%d\n", 2+i))
		w.has(fmt.Sprintf("203.0.113.%d", 2+i))
		w.hasErr(list, "")
		write(t, list, fmt.Sprintf("203.0.113.%d\n", 12+i))
		w.has(fmt.Sprintf("203.0.113.%d", 12+i)) // the watch is on the new directory
	}
}

// TestSameFileComesBack: a filesystem that was unmounted and mounted has the
// very same file again.
func TestSameFileComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lists.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "list.txt")
	write(t, path, "203.0.113.1\n")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	w := start(t, quick(&Lists{Files: []string{dir}}))
	w.has("203.0.113.1")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	w.hasErr(path, "no such file or directory")
	w.has("203.0.113.1")
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	w.hasErr(path, "")
}

// TestLinkToAnotherDirectory: releases are switched by a link. The watch
// must not stay on the old one.
func TestLinkToAnotherDirectory(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "current")
	for i, release := range []string{"one", "two"} {
		if err := os.Mkdir(filepath.Join(dir, release), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, release, "list"), fmt.Sprintf("203.0.113.%d\n", i+1))
		if err := os.Symlink(release, filepath.Join(dir, ".link-"+release)); err != nil {
			t.Fatal(err)
		}
	}
	use := func(release string) {
		if err := os.Rename(filepath.Join(dir, ".link-"+release), link); err != nil {
			t.Fatal(err)
		}
	}
	use("one")
	w := start(t, quick(&Lists{Files: []string{link}}))
	w.has("203.0.113.1")
	use("two")
	w.lists.Reload()
	w.has("203.0.113.2")
	write(t, filepath.Join(dir, "two", "list"), "203.0.113.3\n")
	w.has("203.0.113.3")
}

func TestFileEmptiedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "203.0.113.1\n")
	write(t, b, "203.0.113.2\n")
	now := newClock()
	l := quick(&Lists{Files: []string{dir}, Now: now.now, Dir: filepath.Join(t.TempDir(), "kept")})
	w := start(t, l)
	w.has("203.0.113.1", "203.0.113.2")
	write(t, a, "")
	w.hasErr(a, "is empty since 2026-11-23T14:05:32Z: believed if it still is 1m0s later")
	if err := os.Remove(b); err != nil {
		t.Fatal(err)
	}
	w.hasErr(b, "is gone since 2026-11-23T14:05:32Z")
	w.has("203.0.113.1", "203.0.113.2")
	now.add(time.Minute)
	w.lists.Reload()
	w.has()
	if s, ok := sourceOf(w.last, a); !ok || s.Err != "" {
		t.Errorf("of the empty file: %+v, %v", s, ok)
	}
	if s, ok := sourceOf(w.last, b); ok {
		t.Errorf("a file that is gone is still a source: %+v", s)
	}
	w.stop()
	// They stay gone in the next life.
	w = start(t, quick(&Lists{Files: []string{dir}, Now: now.now, Dir: l.Dir}))
	if len(w.last.Targets) != 0 {
		t.Errorf("they are back: %s", namesOf(w.last))
	}
}

// TestPollWithoutWatcher: a directory that is not there and has no parent
// cannot be watched; it is found by looking.
func TestPollWithoutWatcher(t *testing.T) {
	deep := filepath.Join(t.TempDir(), "a", "b")
	w := start(t, quick(&Lists{Files: []string{deep}}))
	w.hasErr(deep, "no such file or directory; no target of it is known yet")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(deep, "x"), "203.0.113.1\n")
	w.has("203.0.113.1")
	if _, ok := sourceOf(w.last, deep); ok {
		t.Error("the directory itself is still a source")
	}
}

func TestTooManyFilesAndTooLarge(t *testing.T) {
	dir := t.TempDir()
	for i := range maxFiles + 1 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d", i)), fmt.Appendf(nil, "h%d.example.net\n", i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "0000"), maxList+1); err != nil {
		t.Fatal(err)
	}
	f := files{entries: []string{dir}, now: time.Now, settle: settle, emptyAfter: emptyAfter}
	f.restore(nil)
	v, _ := f.look()
	if len(v) != maxFiles+1 || !strings.Contains(v[0].Err, "holds more than 1000 files") || !strings.Contains(v[1].Err, "is larger than 16 MiB") {
		t.Errorf("got %d views, %+v, %+v", len(v), v[0].Source, v[1].Source)
	}
	if show(v[maxFiles].entries) != "h999.example.net" {
		t.Errorf("got %+v", v[maxFiles].Source)
	}
}
