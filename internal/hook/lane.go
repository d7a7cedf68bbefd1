package hook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// lane is one hook and what waits for it.
type lane struct {
	s     *Sender
	hook  *Hook
	key   string
	log   *slog.Logger
	queue queue // under s.mu
	said  bool  // the log knows that it fails; likewise
	wake  chan struct{}

	body   *body
	client *http.Client
}

func newLane(s *Sender, h *Hook, key string) *lane {
	return &lane{s: s, hook: h, key: key, log: s.Log.With("hook", h.name()), wake: make(chan struct{}, 1)}
}

func (l *lane) on(event string) bool {
	if event == OnGrown {
		event = OnOpen
	}
	return slices.Contains(l.hook.On, event)
}

// add queues a message. s.mu is held.
func (l *lane) add(m *queued) {
	if old := l.queue.add(m); old != nil {
		l.s.stats.Dropped++
		l.s.store.forget(old)
		if !l.queue.full {
			l.queue.full = true
			l.log.Warn("queue of a hook is full: from now on each new message drops the oldest", "incident", old.msg.Incident, "event", old.msg.Event, "count", maxQueue)
		}
	}
	l.poke()
}

func (l *lane) poke() {
	select {
	case l.wake <- struct{}{}:
	default: // it will look anyhow
	}
}

// run delivers one message after the other until ctx ends.
func (l *lane) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		m, wait := l.next()
		if m != nil {
			begun := time.Now()
			o := l.attempt(ctx, m)
			l.settle(ctx, m, o, time.Since(begun))
			continue
		}
		if wait <= 0 {
			wait = lastWait // nothing waits: wake will tell
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// next is the message to try now, marked as under way, or how long to wait.
func (l *lane) next() (*queued, time.Duration) {
	now := l.s.Now()
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	if old := l.queue.expired(now); len(old) > 0 {
		for _, m := range old {
			l.s.store.forget(m)
		}
		l.s.stats.GivenUp += len(old)
		l.log.Warn("messages of a hook are given up: it did not take them for 24 h", "incident", old[0].msg.Incident, "event", old[0].msg.Event, "count", len(old))
	}
	m, wait := l.queue.pick(now)
	if m != nil {
		m.busy = true
	}
	return m, wait
}

// attempt tries to deliver a message. It ends by the hook's timeout, or soon
// after ctx has ended.
func (l *lane) attempt(ctx context.Context, m *queued) outcome {
	msg := m.msg
	msg.DelayedMS = max(l.s.Now().Sub(m.at).Milliseconds(), 0)
	body, kind, err := l.body.of(&msg)
	if err != nil {
		return outcome{err: err, final: true}
	}
	try, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), l.hook.timeout(), fmt.Errorf("no end within %v", l.hook.timeout()))
	defer cancel()
	last := time.AfterFunc(l.hook.timeout()+time.Minute, cancel) // comes into play when ctx ends
	defer last.Stop()
	defer context.AfterFunc(ctx, func() { last.Reset(drain) })()
	if len(l.hook.Command) > 0 {
		return runCommand(try, l.hook.Command, msg.environment(), body)
	}
	return post(try, l.client, l.hook.URL, msg.ID, kind, body, l.s.Now)
}

// settle notes what came of an attempt.
func (l *lane) settle(ctx context.Context, m *queued, o outcome, took time.Duration) {
	now := l.s.Now()
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	m.busy = false
	log := l.log.With("incident", m.msg.Incident, "event", m.msg.Event, "attempt", m.tries+1, "dur_ms", took.Milliseconds())
	switch {
	case o.err == nil:
		l.queue.succeeded(m)
		l.s.stats.Delivered++
		l.s.store.forget(m)
		if l.said {
			log.Info("hook takes messages again", "count", len(l.queue.msgs))
			l.said = false
		}
	case o.final:
		l.queue.succeeded(m)
		l.s.stats.Refused++
		l.s.store.forget(m)
		log.Warn("message of a hook is refused for good", "err", o.err)
	case ctx.Err() != nil: // we may have cut it short ourselves; its file stays
	default:
		l.queue.failed(m, o, now, rand.Float64())
		if l.queue.fails == 1 && m.tries == 1 { // the first of a row: the others tell nothing new
			log.Warn("hook fails and is tried again for 24 h", "err", o.err)
			l.said = true
		}
	}
	if len(l.queue.msgs) == 0 {
		l.queue.full = false
	}
}

// why is what ended ctx, or err where nothing did.
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
