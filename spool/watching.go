package spool

import (
	"errors"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// Watching says how a call of Watch learns of new jobs, and what went wrong
// with that so far. Nothing is lost by any of it: the spool is looked through
// in any case.
type Watching struct {
	On        bool   `json:"on"`            // the kernel hints; else the spool is looked through every 2 s
	Why       string `json:"why,omitempty"` // it does not
	Overflows int    `json:"overflows"`     // times that the kernel dropped hints
	Lost      int    `json:"lost"`          // watches that went with their directory, or broke, and were made anew
	Errors    int    `json:"errors"`        // other errors of the watcher
}

// watchBook is what is known of Watch. The zero value is one that has not begun.
type watchBook struct {
	mu   sync.Mutex
	now  Watching
	said map[string]bool // each thing is noted once
}

// Watching gives the present state; zero before Watch.
func (s *Spool) Watching() Watching {
	s.watching.mu.Lock()
	defer s.watching.mu.Unlock()
	return s.watching.now
}

// set notes that there is a watch (why is empty) or none.
func (b *watchBook) set(s *Spool, why string) {
	b.mu.Lock()
	b.now.On, b.now.Why = why == "", why
	b.mu.Unlock()
	if why != "" {
		b.say(s, why+"; the spool is looked through every 2 s instead")
	}
}

func (b *watchBook) lost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now.Lost++
}

func (b *watchBook) failed(s *Spool, err error) {
	// Said before it is counted: who sees the count finds it in the log.
	count := &b.now.Errors
	if errors.Is(err, fsnotify.ErrEventOverflow) {
		count = &b.now.Overflows
		b.say(s, "more came at once than the kernel keeps hints of (fs.inotify.max_queued_events): looked through instead")
	} else {
		b.say(s, "the watcher of the spool failed: "+err.Error()+"; looked through instead")
	}
	b.mu.Lock()
	*count++
	b.mu.Unlock()
}

// say notes a text the first time.
func (b *watchBook) say(s *Spool, text string) {
	b.mu.Lock()
	told := b.said[text]
	if b.said == nil {
		b.said = map[string]bool{}
	}
	if len(b.said) < 100 { // errors may hold anything
		b.said[text] = true
	}
	b.mu.Unlock()
	if !told {
		s.note(Note{What: NoteWatch, Text: text})
	}
}
