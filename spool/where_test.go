package spool_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
)

func TestWhereFollowsAJob(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	lone := submit(t, s, spool.Job{Target: "203.0.113.7"})
	ids := submitBatch(t, s, "203.0.113.8", "203.0.113.9")
	want := func(id ulid.ULID, state spool.State, attempts int, inBatch, events bool) {
		t.Helper()
		p, err := s.Where(id)
		check(t, err)
		if p.State != state || p.Attempts != attempts || (p.Batch != ulid.ULID{}) != inBatch || (p.Events != "") != events {
			t.Errorf("where: %+v; want %s, attempts %d, in a batch %v, events %v", p, state, attempts, inBatch, events)
		}
	}
	want(lone, spool.StateQueued, 0, false, false)
	want(ids[1], spool.StateQueued, 0, true, false)
	want(ulid.Make(), spool.StateUnknown, 0, false, false)
	q := lock(t, s)
	claims := claim(t, q, 9)
	check(t, claims[2].Append([]byte(probeLine)))
	want(lone, spool.StateClaimed, 0, false, false)
	want(ids[0], spool.StateClaimed, 0, true, false)
	want(ids[1], spool.StateClaimed, 0, true, true)
	check(t, claims[0].Return())
	want(lone, spool.StateQueued, 0, false, false)
	check(t, claims[1].Bad("why not"))
	want(ids[0], spool.StateBad, 0, false, false)
	check(t, claims[2].Finish())
	want(ids[1], spool.StateUnknown, 0, false, false)
}

func TestState(t *testing.T) {
	s := open(t, spool.Options{})
	if _, err := s.ReadState("run.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read what is not there: %v, want fs.ErrNotExist", err)
	}
	for _, text := range []string{"one", "two"} {
		check(t, s.WriteState("run.json", []byte(text)))
		check(t, s.WriteState("pause/203.0.113.7", []byte(text)))
		got, err := s.ReadState("run.json")
		check(t, err)
		if string(got) != text {
			t.Errorf("read %q, want %q", got, text)
		}
	}
	wantTree(t, s, nil, "state/pause/203.0.113.7", "state/run.json")
	names, err := s.ListState("pause")
	check(t, err)
	if diff := cmp.Diff([]string{"203.0.113.7"}, names); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if names, err := s.ListState("incidents"); err != nil || len(names) != 0 {
		t.Errorf("list of what is not there: %v, %v", names, err)
	}
	check(t, s.RemoveState("pause/203.0.113.7"))
	check(t, s.RemoveState("pause/203.0.113.7"))
	for _, name := range []string{"", "../run.lock", "a//b", "/etc/passwd", ".tmp-1", "a/.b", "a\x00b"} {
		if err := s.WriteState(name, nil); err == nil {
			t.Errorf("wrote state %q", name)
		}
	}
	wantTree(t, s, nil, "state/run.json")
}

// TestSubmitTogether: many senders at once, each of two processes' spools,
// while a runner claims. Every ID is claimed once.
func TestSubmitTogether(t *testing.T) {
	s := open(t, spool.Options{})
	other := openAt(t, s.Dir(), spool.Options{})
	q := lock(t, s)
	const senders, each = 16, 8
	var mu sync.Mutex
	var accepted, claimed []ulid.ULID
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			sp := []*spool.Spool{s, other}[i%2]
			for range each {
				id, err := sp.Submit(t.Context(), spool.Job{Target: "203.0.113.7"})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				accepted = append(accepted, id)
				mu.Unlock()
			}
		})
	}
	sent := make(chan struct{})
	go func() {
		wg.Wait()
		close(sent)
	}()
	for over := false; !over; {
		select {
		case <-sent:
			over = true
		default:
		}
		for _, c := range claim(t, q, 20) {
			claimed = append(claimed, c.ID)
			check(t, c.Finish())
		}
	}
	for rest := claim(t, q, 999); len(rest) > 0; rest = claim(t, q, 999) {
		for _, c := range rest {
			claimed = append(claimed, c.ID)
			check(t, c.Finish())
		}
	}
	slices.SortFunc(accepted, func(a, b ulid.ULID) int { return a.Compare(b) })
	slices.SortFunc(claimed, func(a, b ulid.ULID) int { return a.Compare(b) })
	if diff := cmp.Diff(accepted, claimed); diff != "" || len(accepted) != senders*each {
		t.Errorf("accepted %d, claimed %d (-accepted +claimed):\n%s", len(accepted), len(claimed), diff)
	}
	wantTree(t, s, nil)
}

// TestIDsGrow: within a process, through a clock that stands still or falls
// back a little; a clock that is set back far is followed.
func TestIDsGrow(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	s := open(t, spool.Options{Now: func() time.Time { return now }})
	var last ulid.ULID
	for _, step := range []time.Duration{0, 0, time.Second, -59 * time.Second, 0} {
		now = now.Add(step)
		id := submit(t, s, spool.Job{Target: "203.0.113.7"})
		if id.Compare(last) <= 0 {
			t.Errorf("after a step of %s: %s does not follow %s", step, id, last)
		}
		last = id
	}
	now = now.Add(-time.Hour)
	if id := submit(t, s, spool.Job{Target: "203.0.113.7"}); !ulid.Time(id.Time()).Equal(now) {
		t.Errorf("after the clock was set back an hour: ID of %v, want of %v", ulid.Time(id.Time()), now)
	}
}

func TestOpenIsSharedByManyAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "spool")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := spool.Open(dir, spool.Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// TestWhereInDrop: every name by which a sender may choose a job's ID.
func TestWhereInDrop(t *testing.T) {
	for _, end := range []string{".job", ".toml", ""} {
		t.Run("ULID"+end, func(t *testing.T) {
			s := open(t, spool.Options{})
			id := ulid.Make()
			check(t, os.WriteFile(filepath.Join(s.Dir(), "drop", id.String()+end), []byte("target = \"203.0.113.7\"\n"), 0o644))
			p, err := s.Where(id)
			check(t, err)
			if p.State != spool.StateDropped {
				t.Errorf("where: %+v; want %s", p, spool.StateDropped)
			}
		})
	}
}
