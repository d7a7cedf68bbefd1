package trace

import (
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

// TestGatewayThatLimitsItsAnswers sends many traces of healthy targets
// through one gateway: no report may show the gateway's limit as loss of
// the line, and after the first looks nobody is asked more often than
// polite_pps by all of them together.
func TestGatewayThatLimitsItsAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit lab.Limit
	}{
		{"20 a second", lab.Limit{PerSecond: 20, Burst: 20}},
		{"1 a second", lab.LinuxPeerLimit()},
	} {
		t.Run(c.name, func(t *testing.T) {
			const traces, polite = 60, 10
			b := newBench(t, lab.Config{Targets: traces, Seed: 3, HopsMin: 6, HopsMax: 8})
			b.tracer.Slots = NewSlots(traces)
			b.tracer.Rule.MinPackets, b.tracer.Rule.Interval = 25, time.Second
			gateway := b.net.Target(0).Router(1)
			b.net.RateLimit(gateway, c.limit)

			var mu sync.Mutex
			var reports []*report.Report
			var looked time.Time // when the last first look was complete
			var wg sync.WaitGroup
			for i := range traces {
				wg.Go(func() {
					var events []report.Event
					b.tracer.Trace(b.ctx, nil, Job{Target: b.net.Target(i).Addr4.String()}, func(e report.Event) { events = append(events, e) })
					r, err := report.Fold([]report.Request{{ID: ulid.Make(), Accepted: time.Now()}}, report.Node{}, events, report.Options{})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
						return
					}
					reports = append(reports, r)
					if at := r.Evidence.Times.FirstLook; at != nil && at.After(looked) {
						looked = *at
					}
				})
			}
			wg.Wait()
			for _, r := range reports {
				e := &r.Evidence
				if e.Verdict.Class != report.Clean && e.Verdict.Class != report.RateLimitOnly {
					t.Errorf("verdict of %s: %s: %s", e.Target.Address, e.Verdict.Class, e.Verdict.Sentence)
				}
				for _, h := range e.Hops {
					// One lost probe proves no limit; the verdict says that it is harmless.
					if s := h.Stats(); s.Lost > 1 && s.Answered > 0 && !h.Limited {
						t.Errorf("%s: hop %d shows %d of %d as if they were the line's", e.Target.Address, h.TTL, s.Lost, s.Sent)
					}
				}
			}
			for id := range b.net.Routers() {
				seconds, _ := b.net.Truth().PerSecond(lab.RouterID(id), looked)
				for s, n := range seconds {
					// One more than the pace can fall into a second.
					if n > polite+1 {
						t.Errorf("router %d was asked %d times in second %d after the first looks, want at most %d", id, n, s, polite)
					}
				}
			}
			if o := b.net.Truth().Overload(); o > 0 {
				t.Logf("the lab itself dropped %d probes", o)
			}
		})
	}
}
