package hook

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var errTest = errors.New("no")

func entry(incident, event string, at time.Time) *queued {
	return &queued{msg: Message{ID: incident + "-" + event, Incident: incident, Event: event}, at: at, since: at}
}

func ids(ms []*queued) (out []string) {
	for _, m := range ms {
		out = append(out, m.msg.ID)
	}
	return out
}

// deliveries drives a queue, one attempt after the other, by a clock of its
// own, and gives back the attempts.
func deliveries(q *queue, now time.Time, n int, answer func(m *queued, now time.Time) outcome) (tried []string) {
	for range n {
		m, wait := q.pick(now)
		for m == nil && wait > 0 {
			now = now.Add(wait)
			m, wait = q.pick(now)
		}
		if m == nil {
			return tried
		}
		o := answer(m, now)
		mark := "-"
		if o.err == nil || o.final {
			mark = "+"
			q.succeeded(m)
		} else {
			q.failed(m, o, now, 1)
		}
		tried = append(tried, m.msg.ID+mark)
	}
	return tried
}

func TestQueueOrder(t *testing.T) {
	start := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		answer func(m *queued, now time.Time) outcome
		want   []string
	}{
		"all is well": {
			func(*queued, time.Time) outcome { return outcome{} },
			[]string{"A-open+", "B-open+", "A-close+"},
		},
		"nobody is there for 5 s": {
			func(_ *queued, now time.Time) outcome {
				if now.Sub(start) < 5*time.Second {
					return outcome{err: errTest, away: true}
				}
				return outcome{}
			},
			[]string{"A-open-", "A-open-", "A-open-", "A-open+", "B-open+", "A-close+"}, // at 0, 1, 3, 7 s
		},
		"one always fails": {
			func(m *queued, _ time.Time) outcome {
				if m.msg.ID == "A-open" {
					return outcome{err: errTest}
				}
				return outcome{}
			},
			[]string{"A-open-", "B-open+", "A-open-", "A-open-", "A-open-", "A-open-", "A-open-", "A-open-"},
		},
		"one is refused": {
			func(m *queued, _ time.Time) outcome {
				if m.msg.ID == "A-open" {
					return outcome{err: errTest, final: true}
				}
				return outcome{}
			},
			[]string{"A-open+", "B-open+", "A-close+"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := &queue{}
			for _, m := range []*queued{entry("A", "open", start), entry("B", "open", start), entry("A", "close", start)} {
				if old := q.add(m); old != nil {
					t.Fatalf("%s was dropped", old.msg.ID)
				}
			}
			if d := cmp.Diff(tt.want, deliveries(q, start, 8, tt.answer)); d != "" {
				t.Errorf("attempts: -want +got\n%s", d)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second, 7: time.Minute, 64: time.Minute, 1e6: time.Minute} {
		if low, high := backoff(n, 0), backoff(n, 1); low != want/2 || high != want {
			t.Errorf("failure %d: waits %v to %v, want %v to %v", n, low, high, want/2, want)
		}
	}
}

func TestQueueRetryAfter(t *testing.T) {
	start := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Duration{0: time.Second, 90 * time.Second: 90 * time.Second, 48 * time.Hour: time.Hour} {
		q, m := &queue{}, entry("A", "open", start)
		q.add(m)
		q.failed(m, outcome{err: errTest, away: true, after: after}, start, 1)
		if got, wait := q.pick(start); got != nil || wait != want {
			t.Errorf("Retry-After %v: waits %v, want %v", after, wait, want)
		}
	}
}

func TestQueueFull(t *testing.T) {
	q := &queue{}
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for i := range maxQueue {
		if old := q.add(entry(fmt.Sprint(i), "open", at)); old != nil {
			t.Fatalf("message %d dropped %s", i, old.msg.ID)
		}
	}
	q.msgs[0].busy = true
	if old := q.add(entry("x", "open", at)); old == nil || old.msg.ID != "1-open" {
		t.Errorf("dropped %v, want 1-open: the oldest that is not under way", old)
	}
	if len(q.msgs) != maxQueue || q.msgs[0].msg.ID != "0-open" || q.msgs[maxQueue-1].msg.ID != "x-open" {
		t.Errorf("%d messages, from %s to %s", len(q.msgs), q.msgs[0].msg.ID, q.msgs[len(q.msgs)-1].msg.ID)
	}
}

func TestQueueExpired(t *testing.T) {
	at := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	tried, untried, young, busy := entry("A", "open", at), entry("B", "open", at), entry("C", "open", at.Add(time.Second)), entry("D", "open", at)
	tried.tries, busy.tries, busy.busy = 1, 1, true
	q := &queue{msgs: []*queued{tried, untried, young, busy}}
	if got := q.expired(at.Add(keepTrying - 1)); got != nil {
		t.Errorf("before 24 h: gave up %v", ids(got))
	}
	if d := cmp.Diff([]string{"A-open"}, ids(q.expired(at.Add(keepTrying)))); d != "" {
		t.Errorf("after 24 h: -want +got\n%s", d)
	}
	q.fails = 1 // nobody is there: the others cannot hope either
	if d := cmp.Diff([]string{"B-open"}, ids(q.expired(at.Add(keepTrying)))); d != "" {
		t.Errorf("after 24 h with nobody there: -want +got\n%s", d)
	}
	if d := cmp.Diff([]string{"C-open", "D-open"}, ids(q.msgs)); d != "" {
		t.Errorf("left: -want +got\n%s", d)
	}
}
