package spool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
)

func benchSpool(b *testing.B) *spool.Spool {
	b.Helper()
	s, err := spool.Open(filepath.Join(b.TempDir(), "spool"), spool.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// BenchmarkSubmit gives the time until one job is durable, for so many
// senders at once.
func BenchmarkSubmit(b *testing.B) {
	for _, senders := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			s := benchSpool(b)
			work := make(chan struct{})
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for range work {
						if _, err := s.Submit(b.Context(), spool.Job{Target: "203.0.113.7", Source: "http"}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}

// BenchmarkSubmitBatch500 gives the time until 500 jobs of one list are
// durable.
func BenchmarkSubmitBatch500(b *testing.B) {
	s := benchSpool(b)
	targets := make([]string, 500)
	for i := range targets {
		targets[i] = fmt.Sprintf("198.18.%d.%d", i/250, i%250)
	}
	for b.Loop() {
		if _, err := s.SubmitBatch(b.Context(), spool.Job{Source: "cli"}, targets); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLife500 takes 500 single jobs from new/ to their end: claimed,
// one append each, finished.
func BenchmarkLife500(b *testing.B) {
	s := benchSpool(b)
	q, err := s.Lock()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := q.Recover(noReports); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := q.Close(); err != nil {
			b.Error(err)
		}
	}()
	for b.Loop() {
		b.StopTimer()
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if _, err := s.Submit(b.Context(), spool.Job{Target: "203.0.113.7"}); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		b.StartTimer()
		claims, err := q.Claim(noReports, 500)
		if err != nil || len(claims) != 500 {
			b.Fatal(len(claims), err)
		}
		for _, c := range claims {
			if err := c.Append([]byte(probeLine)); err != nil {
				b.Fatal(err)
			}
			if err := c.Finish(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkRecover10000 starts on what a runner left that died with 10,000
// jobs: a quarter each claimed, begun, traced and reported.
func BenchmarkRecover10000(b *testing.B) {
	lines := []string{"", "{\"e\":\"start\"}\n", "{\"e\":\"start\"}\n" + probeLine, "{\"e\":\"start\"}\n" + probeLine}
	for b.Loop() {
		b.StopTimer()
		s := benchSpool(b)
		done := map[ulid.ULID]bool{}
		for i := range 10_000 {
			id := ulid.Make()
			data, err := spool.Job{Target: "203.0.113.7", ID: id}.Encode()
			if err == nil {
				err = os.WriteFile(filepath.Join(s.Dir(), "cur", id.String()+".job"), data, 0o600)
			}
			if text := lines[i%4]; err == nil && text != "" {
				err = os.WriteFile(filepath.Join(s.Dir(), "cur", id.String()+".events"), []byte(text), 0o600)
			}
			if err != nil {
				b.Fatal(err)
			}
			done[id] = i%4 == 3
		}
		q, err := s.Lock()
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		r, err := q.Recover(func(id ulid.ULID) bool { return done[id] })
		if err != nil || len(r.Interrupted) != 2500 || r.Requeued != 5000 {
			b.Fatal(len(r.Interrupted), r.Requeued, err)
		}
		b.StopTimer()
		if err := q.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
