package spool

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// brokenDisk cannot read what holds one of these in its path.
type brokenDisk struct {
	disk
	broken []string
}

func (d brokenDisk) read(file string, limit int) ([]byte, error) {
	for _, b := range d.broken {
		if strings.Contains(path.Base(file), b) {
			return nil, &fs.PathError{Op: "read", Path: file, Err: unix.EIO}
		}
	}
	return d.disk.read(file, limit)
}

// TestRecoverLeavesWhatCannotBeRead: a file with EIO stays where it is until
// it can be read; the others are recovered as if it were not there.
func TestRecoverLeavesWhatCannotBeRead(t *testing.T) {
	none := func(ulid.ULID) bool { return false }
	probe := []byte(`{"e":"p","n":0,"ttl":0,"ms":0.2}` + "\n")
	tests := []struct {
		name        string
		broken      func(lone, line, batch ulid.ULID) string
		interrupted int // of the lone job and the line, both of which sent probes
		left        []string
	}{
		{"nothing", func(_, _, _ ulid.ULID) string { return "nothing" }, 2, nil},
		{"events", func(lone, _, _ ulid.ULID) string { return lone.String() + ".events" }, 1, []string{"events", "job"}},
		{"events of a line", func(_, line, _ ulid.ULID) string { return line.String() + ".events" }, 1, []string{"batch", "events"}},
		{"a batch", func(_, _, batch ulid.ULID) string { return batch.String() }, 1, []string{"batch", "events"}},
		{"a job", func(lone, _, _ ulid.ULID) string { return lone.String() + ".job" }, 1, []string{"events", "job"}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			var said []Note
			s, err := Open(t.TempDir(), Options{Note: func(n Note) { said = append(said, n) }})
			fine(t, err)
			lone, err := s.Submit(t.Context(), Job{Target: "203.0.113.7"})
			fine(t, err)
			lines, err := s.SubmitBatch(t.Context(), Job{}, []string{"203.0.113.8", "203.0.113.9"})
			fine(t, err)
			q, err := s.Lock()
			fine(t, err)
			_, err = q.Recover(none)
			fine(t, err)
			claims, err := q.Claim(none, 9)
			fine(t, err)
			var batch ulid.ULID
			for _, claim := range claims {
				if id, of := claim.Batch(); of {
					batch = id
				}
				if claim.ID == lone || claim.ID == lines[0] {
					fine(t, claim.Append(probe))
				}
			}
			q.batches = nil // died: nothing is given back
			fine(t, q.Close())

			s.fs = brokenDisk{broken: []string{c.broken(lone, lines[0], batch)}}
			q, err = s.Lock()
			fine(t, err)
			r, err := q.Recover(none)
			fine(t, err)
			if len(r.Interrupted) != c.interrupted {
				t.Errorf("%d interrupted, want %d", len(r.Interrupted), c.interrupted)
			}
			if (len(said) > 0) != (c.left != nil) {
				t.Errorf("said %+v", said)
			}
			held := map[string]bool{}
			for _, claim := range r.Interrupted {
				held[claim.ID.String()] = true
			}
			kinds := map[string]bool{}
			names, err := s.list("cur")
			fine(t, err)
			for _, file := range names {
				if id, _, _ := strings.Cut(file, "."); !held[id] {
					kinds[strings.TrimPrefix(path.Ext(file), ".")] = true
				}
			}
			if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, c.left) {
				t.Errorf("left in cur/: %v, want %v", got, c.left)
			}
			fine(t, q.Close())

			s.fs = disk{} // the disk is well again
			q, err = s.Lock()
			fine(t, err)
			if r, err = q.Recover(none); err != nil || len(r.Interrupted) != 2 {
				t.Errorf("then: %d interrupted, %v; want both", len(r.Interrupted), err)
			}
			fine(t, q.Close())
		})
	}
}

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
