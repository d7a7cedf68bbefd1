package hook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/mtrq/mtrq/report"
)

// What a hook can be on.
const (
	OnOpen  = "incident-open"
	OnClose = "incident-close"
)

// OnGrown is a message for the hooks on OnOpen: the incident is much larger
// than they were told, or at another place.
const OnGrown = "incident-grown"

// DefaultTimeout is how long one attempt may take where a hook does not say.
const DefaultTimeout = 10 * time.Second

// drain is how long an attempt under way may go on after Run was told to end.
const drain = 3 * time.Second

// A Hook is what is told: exactly one of Command and URL is set.
type Hook struct {
	On       []string      // OnOpen, OnClose
	Command  []string      // program, as an absolute path, and its arguments; no shell
	URL      string        // http or https
	Template string        // path; empty: the default body
	Timeout  time.Duration // of one attempt; 0: DefaultTimeout
}

// name is the hook in logs. Of a URL only scheme and host: the rest of it is
// often what lets one in.
func (h *Hook) name() string {
	if len(h.Command) > 0 {
		return h.Command[0]
	}
	return origin(h.URL)
}

func (h *Hook) timeout() time.Duration {
	if h.Timeout > 0 {
		return h.Timeout
	}
	return DefaultTimeout
}

// A Sender delivers to hooks. Its fields are set before the first call and
// not changed afterwards.
type Sender struct {
	Hooks  []Hook
	Dir    string // queue directory, made where it is not there and used by nobody else; empty: memory only
	Node   string // name of this node
	Link   string // base URL of pages; may be empty
	Log    *slog.Logger
	Now    func() time.Time              // nil: time.Now
	Client *http.Client                  // nil: one with TLS verified; redirects are followed as we see fit in any case
	Text   func(*report.Incident) string // the incident as text, for Message.Text; nil: none

	once  sync.Once
	lanes []*lane
	store *store

	mu    sync.Mutex // over what follows, all queues and all flags of queued messages
	seen  recent
	read  bool // Dir has been read
	stats Stats
}

// Stats counts messages: one per hook, incident and event.
type Stats struct {
	Waiting   int // now
	Delivered int // since the start, as all below
	Refused   int // by their receivers, or because the template failed
	GivenUp   int // after 24 h
	Dropped   int // from a queue that was full
}

// setup makes what the zero Sender lacks, for whoever calls first.
func (s *Sender) setup() {
	s.once.Do(func() {
		if s.Log == nil {
			s.Log = slog.New(slog.DiscardHandler)
		}
		if s.Now == nil {
			s.Now = time.Now
		}
		keys := hookKeys(s.Hooks)
		for i := range s.Hooks {
			s.lanes = append(s.lanes, newLane(s, &s.Hooks[i], keys[i]))
		}
		s.store = &store{dir: s.Dir, mu: &s.mu, log: s.Log, wake: make(chan struct{}, 1)}
	})
}

// Send queues what the hooks on this event are to be told of inc, which is
// not used after it returns. It neither waits for a disk nor for anybody's
// answer, and may be called before Run and by several goroutines. Of one
// incident each event is sent once: a repeat is ignored. A message that comes
// after Run has returned is lost.
func (s *Sender) Send(on string, inc *report.Incident) {
	s.setup()
	if on != OnOpen && on != OnGrown && on != OnClose {
		return
	}
	wanted := false
	for _, l := range s.lanes {
		wanted = wanted || l.on(on)
	}
	if !wanted {
		return
	}
	msg, now := s.message(on, inc), s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes {
		if !l.on(on) {
			continue
		}
		m := &queued{msg: msg, hook: l.key, at: now, since: now}
		m.msg.ID = messageID(msg.Incident, on, l.key)
		if !s.seen.add(m.msg.ID) {
			continue
		}
		l.add(m)
		s.store.save(m)
	}
}

// Run delivers until ctx ends, first what an earlier one left in Dir.
// Whatever is under way then has 3 s to end; what could not be delivered
// stays in Dir. It returns when everything it started has ended. An error is
// a hook that cannot work, such as one whose template has a fault; nothing was
// started then.
func (s *Sender) Run(ctx context.Context) error {
	s.setup()
	client, release := newClient(s.Client)
	defer release()
	for _, l := range s.lanes {
		body, err := newBody(l.hook.Template)
		if err != nil {
			return fmt.Errorf("hook %s: %w", l.hook.name(), err)
		}
		l.body, l.client = body, client
	}
	s.load()

	var lanes, disk sync.WaitGroup
	over := make(chan struct{})
	disk.Go(func() { s.store.run(over) })
	for _, l := range s.lanes {
		lanes.Go(func() { l.run(ctx) })
	}
	lanes.Wait()
	close(over) // the store's last turn knows what became of every message
	disk.Wait()
	return nil
}

// load takes over what an earlier Sender left, ahead of what came meanwhile.
func (s *Sender) load() {
	if s.read {
		return // by an earlier Run: what stands there is known
	}
	s.read = true
	left := s.store.load()
	now, strange := s.Now(), 0
	s.mu.Lock()
	defer s.mu.Unlock()
	byKey := map[string]*lane{}
	late := map[*lane][]*queued{}
	for _, l := range s.lanes {
		byKey[l.key] = l
		late[l], l.queue.msgs = l.queue.msgs, nil
	}
	there := map[string]bool{}
	for _, m := range left {
		l := byKey[m.hook]
		if l == nil || there[m.msg.ID] {
			s.store.forget(m)
			strange++
			continue
		}
		there[m.msg.ID] = true
		s.seen.add(m.msg.ID)
		m.since = now
		l.add(m)
	}
	if strange > 0 {
		s.Log.Warn("messages for hooks that are no longer configured are dropped", "count", strange)
	}
	for _, l := range s.lanes {
		for _, m := range late[l] {
			if there[m.msg.ID] { // sent again before we knew
				s.store.forget(m)
				continue
			}
			l.add(m)
		}
	}
}

// Stats says how many messages wait, and what became of the others.
func (s *Sender) Stats() Stats {
	s.setup()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	for _, l := range s.lanes {
		st.Waiting += len(l.queue.msgs)
	}
	return st
}

// recent remembers the last IDs that were sent, so that a watchdog that takes
// up its incidents again does not open them twice.
type recent struct {
	ids  map[string]bool
	ring []string
	next int
}

const recentIDs = 8192

// add says whether id is new.
func (r *recent) add(id string) bool {
	if r.ids == nil {
		r.ids, r.ring = map[string]bool{}, make([]string, recentIDs)
	}
	if r.ids[id] {
		return false
	}
	delete(r.ids, r.ring[r.next])
	r.ring[r.next], r.ids[id] = id, true
	r.next = (r.next + 1) % recentIDs
	return true
}
