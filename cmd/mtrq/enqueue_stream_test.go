package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// TestEnqueueAsLinesCome keeps standard input open: each target is durable,
// and its ID printed, before the next one is known.
func TestEnqueueAsLinesCome(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	in, feed := io.Pipe()
	said, out := io.Pipe()
	var talk bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- mtrq([]string{"mtrq", "--spool", dir, "enqueue", "-", "--reason", "stream"}, in, out, &talk)
		_ = out.Close() // of a pipe in memory: cannot fail
	}()
	ids := bufio.NewScanner(said)
	sp, err := spool.Open(dir, spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	next := func(target string) {
		t.Helper()
		if !ids.Scan() {
			t.Fatalf("no ID for %s: %s", target, talk.String())
		}
		p, err := sp.Where(ulid.MustParse(ids.Text()))
		if err != nil || p.State != spool.StateQueued || p.Job.Target != target || p.Job.Reason != "stream" {
			t.Errorf("%s is at %+v, %v", target, p, err)
		}
	}
	write := func(text string) {
		t.Helper()
		if _, err := io.WriteString(feed, text); err != nil {
			t.Fatal(err)
		}
	}
	write("203.0.113.1\n")
	next("203.0.113.1")
	write("# nothing\n\n203.0.113.2\nnot valid\n203.0.113.3\r\n203.0.1")
	next("203.0.113.2")
	next("203.0.113.3")
	write("13.4\n")
	next("203.0.113.4")
	write("203.0.113.5")
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	next("203.0.113.5")
	if ids.Scan() {
		t.Errorf("one ID more: %s", ids.Text())
	}
	if c := <-code; c != exitData || !strings.Contains(talk.String(), `line 5: "not valid"`) || !strings.Contains(talk.String(), "1 of 6 targets are not valid") {
		t.Errorf("exit code %d and\n%s", c, talk.String())
	}
}

// TestEnqueueManyAtOnce: what is there together becomes one file.
func TestEnqueueManyAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	var lines, out, talk bytes.Buffer
	for i := range 10_000 {
		fmt.Fprintf(&lines, "198.18.%d.%d\n", i/250, i%250)
	}
	if c := mtrq([]string{"mtrq", "--spool", dir, "enqueue", "-"}, &lines, &out, &talk); c != 0 {
		t.Fatalf("exit code %d: %s", c, talk.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 10_000 {
		t.Errorf("%d IDs", n)
	}
	files, err := filepath.Glob(filepath.Join(dir, "new", "*"))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files in new/, %v; want one batch", len(files), err)
	}
}
