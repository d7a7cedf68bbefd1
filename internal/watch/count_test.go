package watch

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

// pingLog is what a test knows of a target's pings: their fate by number, and
// which of them each of its troubles should have counted.
type pingLog struct {
	fate   []outcome
	counts map[*trouble][][2]uint32 // from, before
}

// watch notes which pings a trouble counts now.
func (l *pingLog) watch(tr *trouble, next uint32) {
	if tr == nil {
		return
	}
	end := next
	if tr.cleared {
		end = tr.end
	}
	spans := l.counts[tr]
	if n := len(spans); n > 0 && spans[n-1][0] == tr.first {
		spans[n-1][1] = end
		return
	}
	l.counts[tr] = append(spans, [2]uint32{tr.first, end})
}

func (l *pingLog) of(tr *trouble) (lost, sent int) {
	for _, span := range l.counts[tr] {
		for _, o := range l.fate[span[0]:span[1]] {
			if o.isKnown() {
				sent++
			}
			if o.isLost() {
				lost++
			}
		}
	}
	return lost, sent
}

// TestEveryPingCountsOnce loses pings of a few targets in spells; some are
// answered too late, so that a spell may turn out to have been none, and some
// are never known. Records of incidents are valid all the while, no episode
// ends before it begins, and in the end every ping of a trouble was counted,
// and counted once.
func TestEveryPingCountsOnce(t *testing.T) {
	reopened, undone := 0, 0
	for draw := range uint64(8) {
		s := newSimDog(t, draw, 4)
		s.Rules.Lost, s.Rules.Of = 3, 10
		s.Rules.ClearFor, s.Rules.CleanFor = 6*time.Second, 3*time.Second
		s.Rules.QuietFor = time.Hour
		logs := make([]pingLog, len(s.all))
		for i := range logs {
			logs[i].counts = map[*trouble][][2]uint32{}
			for n := range s.all[i].hist.next {
				logs[i].fate = append(logs[i].fate, s.all[i].hist.cell(n).outcome())
			}
		}
		type answer struct {
			due time.Time
			i   int
			n   uint32
		}
		var owed []answer
		var bad, slow [4]int // pings for which a spell goes on
		tell := func(i int, n uint32, o outcome) {
			logs[i].fate[n] = o
			s.got(&pingNews{pingTag{s.all[i], n}, o, time.Time{}, 20 * time.Millisecond}, s.now)
		}
		for n := range 5 * 120 {
			s.now = s.now.Add(simStep)
			owed = slices.DeleteFunc(owed, func(a answer) bool {
				due := !s.now.Before(a.due)
				if due {
					tell(a.i, a.n, late)
				}
				return due
			})
			for i, w := range s.all {
				if bad[i]--; bad[i] < -30 && s.rng.IntN(60) == 0 {
					bad[i], slow[i] = 1+s.rng.IntN(12), s.rng.IntN(3)
				}
				no := w.hist.add(s.ms(s.now))
				logs[i].fate = append(logs[i].fate, pending)
				switch {
				case s.rng.IntN(50) == 0:
					tell(i, no, unknown)
				case bad[i] > 0 && (slow[i] > 0 || s.rng.IntN(4) > 0):
					tell(i, no, lost)
					if slow[i] == 2 || slow[i] == 1 && s.rng.IntN(2) == 0 {
						owed = append(owed, answer{s.now.Add(time.Duration(s.rng.IntN(15)) * simStep), i, no})
					}
				default:
					tell(i, no, answered)
				}
				logs[i].watch(w.trouble, w.hist.next)
			}
			if len(s.ungrouped) > 0 && !s.now.Before(s.groupAt) {
				s.group(s.now)
			}
			if n%5 != 4 {
				continue
			}
			s.tend(s.now)
			for i, w := range s.all {
				logs[i].watch(w.trouble, w.hist.next)
			}
			if n%15 != 4 {
				continue
			}
			for _, inc := range s.incidents {
				var b bytes.Buffer
				err := report.EncodeIncident(&b, s.record(inc, s.now, report.IncidentOpen))
				if err == nil {
					_, err = report.DecodeIncident(b.Bytes())
				}
				if err != nil {
					t.Fatalf("draw %d, after %s: %v", draw, time.Duration(n)*simStep, err)
				}
			}
		}
		for _, inc := range s.incidents {
			reopened += len(inc.episodes) - 1
			for _, e := range inc.episodes {
				if e.To != nil && e.To.Before(e.From) {
					t.Errorf("draw %d: an episode from %s to %s", draw, e.From, e.To)
				} else if e.To != nil && e.To.Equal(e.From) {
					undone++
				}
			}
		}
		for i, w := range s.all {
			tr := w.trouble
			if tr == nil {
				continue
			}
			if lost, sent := logs[i].of(tr); lost != tr.lost || sent != tr.sent {
				t.Errorf("draw %d, target %d: %d of %d lost, want %d of %d by %s", draw, i, tr.lost, tr.sent, lost, sent, fmt.Sprint(logs[i].counts[tr]))
			}
			for k, span := range logs[i].counts[tr] {
				if k > 0 && span[0] < logs[i].counts[tr][k-1][1] {
					t.Errorf("draw %d, target %d: pings are counted twice: %v", draw, i, logs[i].counts[tr])
				}
			}
		}
	}
	if reopened < 10 || undone == 0 {
		t.Errorf("%d episodes came back, %d of them were none in the end: too few to prove anything", reopened, undone)
	}
}

// TestAnswerBetweenSlowLosses: what was lost before a recovery makes no
// episode of the next lost ping. A target that is asked each minute has
// recovered with its first answer, and its window is ten minutes long.
func TestAnswerBetweenSlowLosses(t *testing.T) {
	s := newSimDog(t, 1, 2)
	w := s.all[0]
	w.interval = time.Minute
	s.Rules.Lost, s.Rules.Of, s.Rules.QuietFor = 3, 10, time.Hour
	for i, o := range []outcome{lost, lost, lost, answered, lost, answered, lost, answered, answered} {
		s.now = s.now.Add(time.Minute)
		s.got(&pingNews{pingTag{w, w.hist.add(s.ms(s.now))}, o, time.Time{}, 20 * time.Millisecond}, s.now)
		s.group(s.now)
		s.tend(s.now)
		if i < 2 {
			continue
		}
		if tr := w.trouble; tr == nil {
			t.Fatalf("no trouble after ping %d", i+1)
		} else if tr.lost != 3 || tr.sent != 3 || tr.cleared != (i >= 3) {
			t.Fatalf("after ping %d: cleared %v, %d of %d lost", i+1, tr.cleared, tr.lost, tr.sent)
		}
	}
	if inc := s.incidents[0]; len(inc.episodes) != 1 {
		t.Errorf("%d episodes, want one: %+v", len(inc.episodes), inc.episodes)
	}
}
