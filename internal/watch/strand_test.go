package watch

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

// outage feeds a strand and minutes as got does, with one ping an interval:
// lost but for every 50th, which is answered, and every 70th, which is late.
type outage struct {
	h      history
	s      strand
	m      minutes
	each   time.Duration
	now    time.Duration // since the watchdog's start
	lost   int
	sent   int
	pings  int
	before int // pings of the head that were before it
}

func newOutage(each, start time.Duration, before int) *outage {
	o := &outage{each: each, now: start, h: history{limit: max(historyLeast, int(historyFor/each))}}
	for range before {
		o.h.cell(o.h.add(uint32(o.now.Milliseconds()))).set(answered, 20*time.Millisecond)
		o.now += each
	}
	o.s.begin(&o.h)
	o.before = o.h.len()
	return o
}

func (o *outage) tell(n uint32, what outcome, rtt time.Duration) {
	c := o.h.cell(n)
	c.set(what, rtt)
	o.s.put(n, *c)
	o.m.add(epoch.Add(o.now), what, rtt)
}

func (o *outage) run(span time.Duration) {
	for end := o.now + span; o.now < end; o.now += o.each {
		n := o.h.add(uint32(o.now.Milliseconds()))
		o.pings++
		switch {
		case o.pings%50 == 0:
			o.tell(n, answered, 30*time.Millisecond)
		default:
			o.tell(n, lost, 0)
			o.lost++
		}
		if o.pings%70 == 1 {
			o.tell(n, late, 700*time.Millisecond)
			o.lost--
		}
		o.sent++
	}
}

// TestLongOutage lasts three days at 200 ms and at 1 s: what is kept stays
// bounded, its first and last pings are there, and every loss is counted.
func TestLongOutage(t *testing.T) {
	for _, each := range []time.Duration{200 * time.Millisecond, time.Second, time.Minute} {
		t.Run(each.String(), func(t *testing.T) {
			o := newOutage(each, 0, 2000)
			began := o.now
			for range 72 {
				o.run(time.Hour)
				if n := len(o.s.head) + len(o.s.tail); n > headCells+tailCells {
					t.Fatalf("%d cells are kept, want at most %d", n, headCells+tailCells)
				}
				if n := len(o.m.buckets); n > minutesMost {
					t.Fatalf("%d buckets, want at most %d", n, minutesMost)
				}
			}
			from := max(began-300*time.Second, 0)
			p := o.s.record(uint32(from.Milliseconds()), epoch.Add(from), true)
			if len(p.TxMS) != len(p.Answer) || len(p.RTTUS) != len(p.Answer) || !slices.IsSorted(p.TxMS) {
				t.Fatalf("%d times, %d RTTs, %d letters, in order: %v", len(p.TxMS), len(p.RTTUS), len(p.Answer), slices.IsSorted(p.TxMS))
			}
			early := int(max((began-300*time.Second)/each, 0)) - int(began/each) // pings before it, negative
			early = max(early, -headCells*2/3, -o.before)
			if got := len(p.Answer) + p.Skipped + early; got != o.pings {
				t.Errorf("%d pings since it began, kept or skipped, want %d", got, o.pings)
			}
			if want := epoch.Add(began + time.Duration(early)*each); !p.From.Equal(want) {
				t.Errorf("from %s, want %s", p.From, want)
			}
			last := len(p.TxMS) - 1
			if got, want := p.From.Add(time.Duration(p.TxMS[last])*time.Millisecond), epoch.Add(o.now-each); !got.Equal(want) {
				t.Errorf("last ping at %s, want %s", got, want)
			}
			if got, want := p.Answer[-early:-early+5], "l----"; got != want {
				t.Errorf("it begins with %q, want %q", got, want)
			}
			gap, at := int64(0), 0
			for i := range last {
				if d := p.TxMS[i+1] - p.TxMS[i]; d > gap {
					gap, at = d, i
				}
			}
			// docs/formats.md: the skipped lie in the longest gap.
			if want := int64(p.Skipped+1) * each.Milliseconds(); gap != want {
				t.Errorf("longest gap %d ms after ping %d, want %d for %d skipped", gap, at, want, p.Skipped)
			}
			if p.Skipped == 0 || at-last > -tailCells/2 || at < headCells/3-1 {
				t.Errorf("skipped %d after ping %d of %d", p.Skipped, at, last)
			}
			lostSum, sentSum := sum(o.m.snapshot())
			if lostSum != o.lost || sentSum != o.sent {
				t.Errorf("minutes: %d of %d lost, want %d of %d", lostSum, sentSum, o.lost, o.sent)
			}
		})
	}
}

func sum(bs []report.Bucket) (lost, sent int) {
	for _, b := range bs {
		lost, sent = lost+b.Lost, sent+b.Sent
	}
	return lost, sent
}

// TestOutageOfMonths lasts longer than 32 bits of milliseconds, and begins
// near their end.
func TestOutageOfMonths(t *testing.T) {
	const day = 24 * time.Hour
	for _, span := range []time.Duration{20 * day, 30 * day, 60 * day, 120 * day} {
		for _, start := range []time.Duration{0, 1<<32*time.Millisecond - time.Hour} {
			o := newOutage(time.Minute, start, 300)
			began := o.now
			o.run(span)
			from := began - 300*time.Second
			p := o.s.record(uint32(from.Milliseconds()), epoch.Add(from), false)
			last := len(p.TxMS) - 1
			if got := last + 1 + p.Skipped - 5; got != o.pings {
				t.Errorf("%s: %d pings, want %d", span, got, o.pings)
			}
			if got, want := p.From.Add(time.Duration(p.TxMS[last])*time.Millisecond), epoch.Add(o.now-time.Minute); !p.From.Equal(epoch.Add(from)) || !got.Equal(want) || !slices.IsSorted(p.TxMS) {
				t.Errorf("%s: from %s, last ping at %s, want %s and %s", span, p.From, got, epoch.Add(from), want)
			}
			if n := len(o.m.buckets); n > minutesMost {
				t.Errorf("%s: %d buckets, want at most %d", span, n, minutesMost)
			}
			if l, s := sum(o.m.snapshot()); l != o.lost || s != o.sent {
				t.Errorf("%s: minutes: %d of %d lost, want %d of %d", span, l, s, o.lost, o.sent)
			}
		}
	}
}

func TestStrand(t *testing.T) {
	put := func(s *strand, n uint32, o outcome) {
		c := cell{at: n * 1000}
		c.set(o, 20*time.Millisecond)
		s.put(n, c)
	}
	strip := func(s *strand) string { return s.record(0, epoch, true).Answer }
	t.Run("short", func(t *testing.T) {
		h := history{limit: 300}
		at := uint32(0)
		marks(&h, &at, 1000, "rr--.")
		s := strand{}
		s.begin(&h)
		put(&s, 4, lost)
		put(&s, 6, answered) // before 5 is known
		if got, want := strip(&s), "rr---?r"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		put(&s, 5, lost)
		put(&s, 5, late)
		p := s.record(2000, epoch.Add(2*time.Second), true)
		if p.Answer != "---lr" || !p.From.Equal(epoch.Add(2*time.Second)) || !slices.Equal(p.TxMS, []int64{0, 1000, 2000, 3000, 4000}) {
			t.Errorf("got %q from %s at %d", p.Answer, p.From, p.TxMS)
		}
		if p.RTTUS[0] != nil || p.RTTUS[3] == nil || *p.RTTUS[3] != 20_000 {
			t.Errorf("RTTs %v", p.RTTUS)
		}
		if p := s.record(2000, epoch, false); p.RTTUS[4] != nil {
			t.Errorf("got an RTT nobody asked for: %d", *p.RTTUS[4])
		}
	})
	t.Run("nothing", func(t *testing.T) {
		s := strand{}
		p := s.record(7, epoch, true)
		if p.TxMS == nil || p.RTTUS == nil || p.Answer != "" || !p.From.Equal(epoch) {
			t.Errorf("got %+v", p)
		}
	})
	t.Run("older than all", func(t *testing.T) {
		h := history{limit: 2000}
		at := uint32(0)
		marks(&h, &at, 1000, strings.Repeat("r", 1200))
		s := strand{}
		s.begin(&h)
		put(&s, 5, late)
		put(&s, 1200, lost)
		if got, want := strip(&s), strings.Repeat("r", 1000)+"-"; got != want || s.skipped != 0 {
			t.Errorf("got %d pings, %d skipped; want %d and 0", len(got), s.skipped, len(want))
		}
	})
	t.Run("order where the tail begins", func(t *testing.T) {
		s := strand{}
		for n := range uint32(headCells) {
			put(&s, n, answered)
		}
		put(&s, headCells+1, answered)
		put(&s, headCells, lost)
		put(&s, headCells+2, lost)
		if got, want := strip(&s)[headCells-1:], "r-r-"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("one that waited for its turn", func(t *testing.T) {
		s := strand{}
		for n, at := range []uint32{0, 1500, 1000, 2000} { // the second left after the third was asked for
			c := cell{at: at}
			c.set(answered, 20*time.Millisecond)
			s.put(uint32(n), c)
		}
		if p := s.record(0, epoch, true); !slices.Equal(p.TxMS, []int64{0, 1500, 1500, 2000}) {
			t.Errorf("they left at %d", p.TxMS)
		}
	})
	t.Run("late of one that was skipped", func(t *testing.T) {
		s := strand{}
		for n := range uint32(headCells + 2*tailCells) {
			put(&s, n, lost)
		}
		before := strip(&s)
		put(&s, headCells+10, late)
		if got := strip(&s); got != before || s.skipped == 0 {
			t.Errorf("%d letters after it, %d before; %d skipped", len(got), len(before), s.skipped)
		}
		put(&s, headCells+2*tailCells-1, late)
		if got := strip(&s); !strings.HasSuffix(got, "-l") || len(got) != len(before) {
			t.Errorf("the last one: got %q", got[len(got)-5:])
		}
	})
}

// TestClockSetBackWhileAway: pings of two processes stay in order.
func TestClockSetBackWhileAway(t *testing.T) {
	us := int64(20_000)
	pings := func(from time.Time) report.Pings {
		return report.Pings{From: from, TxMS: []int64{0, 1000, 2000}, RTTUS: []*int64{&us, nil, &us}, Answer: "r-r"}
	}
	m := report.Member{Lost: 1, Sent: 3, Pings: pings(epoch.Add(-24 * time.Hour))}
	mergeEarlier(&m, &report.Member{Lost: 1, Sent: 3, Pings: pings(epoch)})
	if !slices.Equal(m.Pings.TxMS, []int64{0, 1000, 2000, 2000, 2000, 2000}) || m.Pings.Answer != "r-rr-r" || m.Lost != 2 || m.Sent != 6 {
		t.Errorf("got %+v", m)
	}
}
