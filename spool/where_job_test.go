package spool_test

import (
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// TestWhereKnowsTheJob: who shows a job that waits or runs can say why it
// was asked for.
func TestWhereKnowsTheJob(t *testing.T) {
	s, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.Submit(t.Context(), spool.Job{Target: "192.0.2.1", Source: "cli", Reason: "alone"})
	if err != nil {
		t.Fatal(err)
	}
	many, err := s.SubmitBatch(t.Context(), spool.Job{Source: "cli", Reason: "storm"}, []string{"192.0.2.2", "192.0.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		for _, c := range []struct {
			id             int
			target, reason string
		}{{0, "192.0.2.1", "alone"}, {1, "192.0.2.2", "storm"}, {2, "192.0.2.3", "storm"}} {
			id := append([]ulid.ULID{one}, many...)[c.id]
			p, err := s.Where(id)
			if err != nil || p.Job.ID != id || p.Job.Target != c.target || p.Job.Reason != c.reason {
				t.Errorf("%s: job %d: got %+v, %v; want target %s, reason %s", when, c.id, p.Job, err, c.target, c.reason)
			}
		}
	}
	check("queued")
	q, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	nothing := func(ulid.ULID) bool { return false }
	if _, err := q.Recover(nothing); err != nil {
		t.Fatal(err)
	}
	if claims, err := q.Claim(nothing, 10); err != nil || len(claims) != 3 {
		t.Fatalf("claimed %d, %v", len(claims), err)
	}
	check("claimed")
}
