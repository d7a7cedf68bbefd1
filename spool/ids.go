package spool

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// maxClockStep is how far the clock may fall back before new IDs follow it
// and stop growing: a small correction must not disturb the order, a large
// one must not put the wrong hour into IDs for an hour.
const maxClockStep = time.Minute

// idSource gives ULIDs that grow within one process.
type idSource struct {
	mu      sync.Mutex
	last    uint64 // milliseconds
	entropy *ulid.MonotonicEntropy
}

// take gives n IDs with one and the same time, each greater than the one
// before.
func (s *idSource) take(now time.Time, n int) ([]ulid.ULID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entropy == nil {
		s.entropy = ulid.Monotonic(rand.Reader, 0)
	}
	ms := ulid.Timestamp(now)
	if ms < s.last && s.last-ms <= uint64(maxClockStep.Milliseconds()) {
		ms = s.last
	}
	s.last = ms
	ids := make([]ulid.ULID, n)
	for i := range ids {
		id, err := ulid.New(ms, s.entropy)
		if err != nil {
			return nil, fmt.Errorf("make an ID for %s: %w", now.Format(time.RFC3339), err)
		}
		ids[i] = id
	}
	return ids, nil
}

// newID gives one ID.
func (s *Spool) newID() (ulid.ULID, error) {
	ids, err := s.ids.take(s.now(), 1)
	if err != nil {
		return ulid.ULID{}, err
	}
	return ids[0], nil
}
