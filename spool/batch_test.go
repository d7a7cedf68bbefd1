package spool_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
)

func submitBatch(t *testing.T, s *spool.Spool, targets ...string) []ulid.ULID {
	t.Helper()
	ids, err := s.SubmitBatch(t.Context(), spool.Job{Reason: "storm", Source: "cli"}, targets)
	check(t, err)
	return ids
}

// batchNames gives the letters L, M, N… to the jobs and B to their file.
func batchNames(t *testing.T, s *spool.Spool, ids []ulid.ULID) map[ulid.ULID]string {
	t.Helper()
	names := map[ulid.ULID]string{}
	for i, id := range ids {
		names[id] = string(rune('L' + i))
	}
	files, err := filepath.Glob(filepath.Join(s.Dir(), "*", "*.batch"))
	check(t, err)
	if len(files) != 1 {
		t.Fatalf("batches: %v, want one", files)
	}
	names[mustID(filepath.Base(files[0]))] = "B"
	return names
}

func claimedTargets(claims []*spool.Claim) []string {
	var targets []string
	for _, c := range claims {
		targets = append(targets, fmt.Sprintf("%s %d", c.Job.Target, c.Attempt))
	}
	return targets
}

func TestBatchLife(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	ids := submitBatch(t, s, "203.0.113.7", "Edge.Example.net", "2001:DB8::7")
	names := batchNames(t, s, ids)
	wantTree(t, s, names, "new/B.batch")
	if !slices.IsSortedFunc(ids, func(a, b ulid.ULID) int { return a.Compare(b) }) {
		t.Errorf("IDs are not in order: %v", ids)
	}
	q := lock(t, s)
	first := claim(t, q, 2)
	if diff := cmp.Diff([]string{"203.0.113.7 1", "edge.example.net 1"}, claimedTargets(first)); diff != "" {
		t.Errorf("first claim (-want +got):\n%s", diff)
	}
	if j := first[0].Job; j.Reason != "storm" || j.Source != "cli" || j.ID != ids[0] || j.Accepted.IsZero() {
		t.Errorf("job of a batch: %+v", j)
	}
	wantTree(t, s, names, "cur/B.batch")
	check(t, first[1].Return())
	second := claim(t, q, 9)
	if diff := cmp.Diff([]string{"2001:db8::7 1", "edge.example.net 1"}, claimedTargets(second)); diff != "" {
		t.Errorf("second claim (-want +got):\n%s", diff)
	}
	check(t, first[0].Append([]byte(probeLine)))
	check(t, first[0].Finish())
	check(t, second[0].Bad("no such family"))
	wantTree(t, s, names, "bad/N.job", "bad/N.job.reason", "cur/B.batch")
	check(t, second[1].Finish())
	wantTree(t, s, names, "bad/N.job", "bad/N.job.reason")
}

// TestJobBehindBatch: a job that comes while a long batch is served is the
// newest, and does not wait for all the lines before it.
func TestJobBehindBatch(t *testing.T) {
	s := open(t, spool.Options{})
	q := lock(t, s)
	targets := make([]string, 100)
	for i := range targets {
		targets[i] = fmt.Sprintf("203.0.113.%d", i)
	}
	submitBatch(t, s, targets...)
	got := claimedTargets(claim(t, q, 10))
	alarm := submit(t, s, spool.Job{Target: "192.0.2.7", Source: "cli"})
	at := -1
	for i := 0; at < 0 && i < 100; i++ { // one has ended, another may come
		c := claim(t, q, 1)[0]
		if got = append(got, claimedTargets([]*spool.Claim{c})...); c.ID == alarm {
			at = i + 1
		}
	}
	if at > 2 || at < 0 || got[0] != "203.0.113.0 1" || got[9] != "203.0.113.9 1" {
		t.Errorf("the newest job came as number %d, after %v; want 1 or 2, the batch in its order", at, got)
	}
}

func TestBatchGoesBackOnClose(t *testing.T) {
	s := open(t, spool.Options{})
	ids := submitBatch(t, s, "203.0.113.7", "203.0.113.8", "203.0.113.9")
	names := batchNames(t, s, ids)
	q, err := s.Lock()
	check(t, err)
	_, err = q.Recover(noReports)
	check(t, err)
	claims := claim(t, q, 2)
	check(t, claims[0].Finish())
	check(t, claims[1].Return())
	check(t, q.Close())
	wantTree(t, s, names, "new/B.batch")

	q = lock(t, s)
	again, err := q.Claim(func(id ulid.ULID) bool { return id == ids[0] }, 9)
	check(t, err)
	if diff := cmp.Diff([]string{"203.0.113.8 1", "203.0.113.9 1"}, claimedTargets(again)); diff != "" {
		t.Errorf("claim after restart (-want +got):\n%s", diff)
	}
	for _, c := range again {
		check(t, c.Finish())
	}
	wantTree(t, s, names)
}

func TestBatchRecovery(t *testing.T) {
	s := open(t, spool.Options{})
	ids := submitBatch(t, s, "203.0.113.7", "203.0.113.8", "203.0.113.9")
	names := batchNames(t, s, ids)
	q, err := s.Lock()
	check(t, err)
	_, err = q.Recover(noReports)
	check(t, err)
	claims := claim(t, q, 9)
	check(t, claims[0].Append([]byte(probeLine))) // L interrupted
	check(t, claims[1].Finish())                  // M reported; N not tried
	check(t, q.Close())                           // as if the process died: claims are in hand
	wantTree(t, s, names, "cur/B.batch", "cur/L.events")

	reports := map[ulid.ULID]bool{ids[1]: true}
	reported := func(id ulid.ULID) bool { return reports[id] }
	q, err = s.Lock()
	check(t, err)
	defer func() { check(t, q.Close()) }()
	r, err := q.Recover(reported)
	check(t, err)
	if len(r.Interrupted) != 1 || r.Interrupted[0].ID != ids[0] || !r.Interrupted[0].Sent() || r.Interrupted[0].Job.Target != "203.0.113.7" || r.Requeued != 1 {
		t.Fatalf("recovery %+v, want L interrupted and the batch given back", r)
	}
	wantTree(t, s, names, "cur/L.events", "new/B.batch")
	// Claimed before the interrupted one is reported: it must not be traced.
	rest, err := q.Claim(reported, 9)
	check(t, err)
	if diff := cmp.Diff([]string{"203.0.113.9 1"}, claimedTargets(rest)); diff != "" {
		t.Errorf("claim after recovery (-want +got):\n%s", diff)
	}
	check(t, rest[0].Finish())
	wantTree(t, s, names, "cur/B.batch", "cur/L.events")
	check(t, r.Interrupted[0].Finish())
	wantTree(t, s, names)
}

func TestSubmitBatchNamesEveryFault(t *testing.T) {
	s := open(t, spool.Options{})
	_, err := s.SubmitBatch(t.Context(), spool.Job{Size: 40, Rounds: -1}, []string{"203.0.113.7", "a_b", "2001:db8::1", "1.2.3"})
	var faulty *spool.JobError
	if !errors.As(err, &faulty) {
		t.Fatalf("got %v, want a *JobError", err)
	}
	var got []string
	for _, f := range faulty.Faults {
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Key))
	}
	if diff := cmp.Diff([]string{"0 rounds", "2 target", "3 size", "4 target"}, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if _, err := s.SubmitBatch(t.Context(), spool.Job{}, nil); !errors.As(err, &faulty) {
		t.Errorf("empty batch: got %v, want a *JobError", err)
	}
	wantTree(t, s, nil)
}

// TestBatchOfTheDocs claims the example of docs/formats.md (its checksum is
// a placeholder there, set right here).
func TestBatchOfTheDocs(t *testing.T) {
	body, _, _ := strings.Cut(docExample(t, "text batch"), "END ")
	s := open(t, spool.Options{})
	file := fmt.Sprintf("new/%s.batch", letters()["B"])
	put(t, s, file, body+fmt.Sprintf("END 3 %08x\n", spool.Castagnoli([]byte(body))))
	claims := claim(t, lock(t, s), 9)
	if diff := cmp.Diff([]string{"203.0.113.7 1", "edge.example.net 1", "2001:db8::7 1"}, claimedTargets(claims)); diff != "" {
		t.Errorf("claim (-want +got):\n%s", diff)
	}
}

// TestBatchDamage changes every byte of a batch in turn: nothing of it may be
// claimed.
func TestBatchDamage(t *testing.T) {
	s := open(t, spool.Options{})
	submitBatch(t, s, "203.0.113.7", "203.0.113.8")
	files, err := filepath.Glob(filepath.Join(s.Dir(), "new", "*.batch"))
	check(t, err)
	data, err := os.ReadFile(files[0])
	check(t, err)
	if err := spool.CheckBatch(data); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		broken := slices.Clone(data)
		broken[i] ^= 1
		if spool.CheckBatch(broken) == nil {
			t.Errorf("byte %d of %d changed and the batch is still read", i, len(data))
		}
		if spool.CheckBatch(data[:i]) == nil {
			t.Errorf("cut after %d of %d bytes and the batch is still read", i, len(data))
		}
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte("batch = { version = 1 }\n01KAR1ABTB5H2ZJ0Q4V7W8X9Y0\t203.0.113.7\n"), 1)
	f.Add([]byte(docExample(f, "text batch")), 3)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		// With the right sum, so that the lines themselves are reached.
		data := append(slices.Clone(body), fmt.Sprintf("END %d %08x\n", n, spool.Castagnoli(body))...)
		out, err := spool.RewriteBatch(data)
		if err != nil {
			return
		}
		again, err := spool.RewriteBatch(out)
		if err != nil || string(again) != string(out) {
			t.Fatalf("written as\n%s\nread and written again as\n%s (%v)", out, again, err)
		}
	})
}
