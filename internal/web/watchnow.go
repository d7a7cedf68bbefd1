package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// watchKept is how long what was read of targets.json is used again: it is
// written each second, and of thousands of targets it is long.
const watchKept = time.Second

// watchFresh is the age at which targets.json means that nobody watches: a
// watchdog writes it every 5 s at the latest.
const watchFresh = 10 * time.Second

// isWatching says that the watchdog that wrote this is at work.
func isWatching(st *spool.WatchState, now time.Time) bool {
	age := now.Sub(st.At)
	return age < watchFresh && age > -watchFresh
}

// watchNow is targets.json as read last, with its targets by address and by
// name.
type watchNow struct {
	mu    sync.Mutex
	at    time.Time
	state *spool.WatchState
	index map[string]int
	fault error // why it cannot be read; nil also where no watchdog has written one
}

// watched finds a target that is watched, by its address or by the name in
// its list; nil: none is. fresh says that a watchdog is at work: what it
// wrote before it ended is no current state.
func (s *site) watched(target string) (t *spool.WatchTarget, fresh bool) {
	st, index := s.watchState()
	if st == nil {
		return nil, false
	}
	fresh = isWatching(st, s.Now())
	i, ok := index[watchKey(target)]
	if !ok {
		return nil, fresh
	}
	return &st.Targets[i], fresh
}

// watchState is what the watchdog said last; nil: nothing that can be read,
// of which watchFault says why. It is shared: nobody may change it.
func (s *site) watchState() (*spool.WatchState, map[string]int) {
	n := &s.watching
	n.mu.Lock()
	defer n.mu.Unlock()
	now := s.Now()
	if age := now.Sub(n.at); !n.at.IsZero() && age >= 0 && age < watchKept {
		return n.state, n.index
	}
	n.at, n.state, n.index = now, nil, nil
	st, err := s.Spool.WatchState()
	if err == nil && st.Schema > 1 {
		err = fmt.Errorf("read %s: %w", spool.WatchStateFile, report.ErrNewerSchema)
	}
	if errors.Is(err, fs.ErrNotExist) {
		n.fault = nil
		return nil, nil // no watchdog; readyz says who traces
	}
	s.sayFault(&n.fault, err, "how the targets are cannot be read")
	if err != nil {
		return nil, nil
	}
	index := make(map[string]int, 2*len(st.Targets))
	for i := len(st.Targets) - 1; i >= 0; i-- { // the first of two of a name wins
		t := &st.Targets[i]
		index[watchKey(t.Target)] = i
		if t.Address.IsValid() {
			index[t.Address.String()] = i
		}
	}
	n.state, n.index = st, index
	return st, index
}

// watchFault is why the watchdog's word cannot be read; nil: it can, or there
// is none.
func (s *site) watchFault() error {
	s.watchState()
	s.watching.mu.Lock()
	defer s.watching.mu.Unlock()
	return s.watching.fault
}

// sayFault remembers why something cannot be read, and tells the log when
// that is new: pages look each second.
func (s *site) sayFault(old *error, now error, what string) {
	if now != nil && (*old == nil || (*old).Error() != now.Error()) {
		s.Log.Error(what, "err", now)
	}
	*old = now
}

// watchKey is a target as it is looked for.
func watchKey(target string) string {
	if a, err := netip.ParseAddr(target); err == nil {
		return a.WithZone("").Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(target, "."))
}
