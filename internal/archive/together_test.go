package archive

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestTogether(t *testing.T) {
	dir := t.TempDir()
	// Two writers in one process, as `up` and a tool beside it would be.
	writers := []*Writer{newWriter(t, dir, "UTC"), newWriter(t, dir, "UTC")}
	at := zoned(t, "UTC", "2026-11-23T23:59:59.9Z") // over midnight
	const n = 500
	var wg sync.WaitGroup
	errs := make(chan error, 2*n)
	for i := range n {
		wg.Go(func() {
			r := makeReport(t, at.Add(time.Duration(i)*time.Millisecond), uint64(i), fmt.Sprintf("198.18.%d.%d", i%3, i%50))
			errs <- writers[i%2].Write(r)
			if i%10 == 0 { // again, through the other one
				errs <- writers[(i+1)%2].Write(r)
			}
		})
	}
	stop := make(chan struct{})
	reader, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var reading sync.WaitGroup
	reading.Go(func() {
		seen := 0
		for {
			select {
			case <-stop:
				return
			default:
			}
			entries, err := reader.List(Query{})
			if err != nil || len(entries) < seen {
				t.Errorf("a reader saw %d entries after %d: %v", len(entries), seen, err)
				return
			}
			for _, e := range entries[:min(3, len(entries))] {
				if _, err := reader.Load(e); err != nil {
					t.Errorf("an entry without report: %v", err)
				}
			}
			seen = len(entries)
		}
	})
	wg.Wait()
	close(stop)
	reading.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	entries, err := reader.List(Query{})
	if err != nil || len(entries) != n {
		t.Fatalf("got %d entries, %v, want %d", len(entries), err, n)
	}
	lines := 0
	for _, day := range []string{"23", "24"} {
		lines += bytes.Count(mustRead(t, filepath.Join(dir, "2026/11", day, indexName)), []byte("\n")) - 1
	}
	if lines != n {
		t.Errorf("the indexes have %d lines, want %d", lines, n)
	}
	byTarget := 0
	for i := range 3 {
		for j := range 50 {
			es, err := reader.Target(fmt.Sprintf("198.18.%d.%d", i, j))
			if err != nil {
				t.Fatal(err)
			}
			byTarget += len(es)
		}
	}
	if byTarget != n {
		t.Errorf("targets have %d lines, want %d", byTarget, n)
	}
}
