package probe

import (
	"container/heap"
	"net/netip"
	"sync"
	"time"
)

// How a stream finds the pace that its router bears.
const (
	slowest = 1.0 // probes/s, however little is answered

	judgeEvery = 10              // outcomes make a judgement …
	judgeAfter = 5 * time.Second // … or fewer after this long,
	judgeLeast = 4               // but not fewer than this

	cleanShare = 0.1              // of outcomes unanswered, at most, is clean
	cleanFor   = 30 * time.Second // clean that long: twice as fast

	forgetAfter = 10 * time.Minute // twice the longest trace
	maxStreams  = 1 << 16          // beyond that idle ones are forgotten early
)

// streams are the paced streams of probes to single routers, which all
// traces share. Its methods may be called from anywhere.
type streams struct {
	mu    sync.Mutex
	pps   float64 // polite_pps
	byKey map[RouterKey]*stream
	due   streamHeap // those with something waiting and nothing released
	swept time.Time
	wait  int // requests that wait, all streams
}

// stream is what one router sees. A probe is *released* when its turn has
// come and holds the stream until it was sent or given up: a stream is paced
// by what leaves, not by what was allowed to.
type stream struct {
	key      RouterKey
	lines    lines // traces take turns
	waiting  int
	released bool
	next     time.Time // the earliest time for the next release
	pos      int       // in the heap, -1 outside
	used     time.Time

	rate       float64
	cleanSince time.Time
	judged     time.Time
	outcomes   int // since judged
	silent     int
	beyond     int // answers of later hops

	sent, answered int // since the stream was made
}

func newStreams(pps float64) *streams {
	return &streams{pps: pps, byKey: make(map[RouterKey]*stream)}
}

// top is the highest rate of a stream: one that may be several routers, as
// nobody knows who is there, gets the lowest.
func (s *streams) top(k RouterKey) float64 {
	if k.Gap > 0 {
		return min(slowest, s.pps)
	}
	return s.pps
}

// push puts a request with a Router into its stream.
func (s *streams) push(h *Handle, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.byKey[h.req.Router]
	if st == nil {
		st = &stream{key: h.req.Router, pos: -1, rate: s.top(h.req.Router), next: now, judged: now, cleanSince: now}
		s.byKey[st.key] = st
	}
	h.stream = st
	st.lines.push(h)
	st.used = now
	st.waiting++
	s.wait++
	s.schedule(st)
}

// schedule puts a stream where it belongs: into the heap or out of it.
func (s *streams) schedule(st *stream) {
	in := st.waiting > 0 && !st.released
	switch {
	case in && st.pos < 0:
		heap.Push(&s.due, st)
	case in:
		heap.Fix(&s.due, st.pos)
	case st.pos >= 0:
		heap.Remove(&s.due, st.pos)
	}
}

// release takes the next request whose turn has come, of any stream, or nil.
func (s *streams) release(now time.Time) *Handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.due) == 0 || s.due[0].next.After(now) {
		return nil
	}
	st := s.due[0]
	for {
		h := st.lines.pop(true)
		if h.state != stateWaiting {
			continue
		}
		st.waiting--
		s.wait--
		st.released = true
		s.schedule(st)
		return h
	}
}

// next is when release will have something, if it will.
func (s *streams) next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.due) == 0 {
		return time.Time{}, false
	}
	return s.due[0].next, true
}

// sent is told that the request which a stream had released left.
func (s *streams) sent(st *stream, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.sent++
	st.released = false
	st.used = now
	st.next = now.Add(time.Duration(float64(time.Second) / st.rate))
	s.schedule(st)
}

// skip is told that a request of a stream will not leave: it was cancelled
// or refused, while it waited or after it was released.
func (s *streams) skip(st *stream, wasReleased bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wasReleased {
		st.released = false
	} else {
		st.waiting--
		s.wait--
	}
	s.schedule(st)
}

// outcome is told whether a probe of a stream was answered in time.
func (s *streams) outcome(st *stream, answered bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.outcomes++
	if answered {
		st.answered++
	} else {
		st.silent++
	}
	s.judge(st, now)
}

// late is told that a probe counted as unanswered was answered after all: a
// slow answer is an answer, no sign of a limit.
func (s *streams) late(st *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.answered++
	st.silent = max(0, st.silent-1)
}

// beyond is told that a probe past the router was answered in a round in
// which the router kept silent.
func (s *streams) beyond(router netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byKey[RouterKey{Addr: router}]; st != nil {
		st.beyond++
	}
}

// judge changes a stream's rate when enough was seen since it last did: half
// of it while more than half goes unanswered and later hops answer, twice of
// it after a clean time.
func (s *streams) judge(st *stream, now time.Time) {
	since := now.Sub(st.judged)
	if st.outcomes < judgeEvery && (since < judgeAfter || st.outcomes < judgeLeast) {
		return
	}
	share := float64(st.silent) / float64(st.outcomes)
	switch {
	case share > 0.5 && st.beyond > 0:
		st.rate = max(min(slowest, s.top(st.key)), st.rate/2)
		st.cleanSince = now
	case share > cleanShare:
		st.cleanSince = now
	case now.Sub(st.cleanSince) >= cleanFor:
		st.rate = min(s.top(st.key), st.rate*2)
		st.cleanSince = now
	}
	st.judged, st.outcomes, st.silent, st.beyond = now, 0, 0, 0
}

// shared is what a router's stream has carried since it was made.
func (s *streams) shared(router netip.Addr) (sent, answered int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.byKey[RouterKey{Addr: router}]; st != nil {
		return st.sent, st.answered
	}
	return 0, 0
}

// waiting is how many requests wait for their turn.
func (s *streams) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wait
}

// sweep forgets streams that nobody has used for long.
func (s *streams) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := forgetAfter
	if len(s.byKey) > maxStreams {
		idle = time.Minute
	} else if now.Sub(s.swept) < time.Minute {
		return
	}
	s.swept = now
	for k, st := range s.byKey {
		if st.waiting == 0 && !st.released && now.Sub(st.used) >= idle {
			delete(s.byKey, k)
		}
	}
}

// drain takes out all that waits.
func (s *streams) drain() (hs []*Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.byKey {
		for st.lines.turns.len() > 0 {
			if h := st.lines.pop(true); h.state == stateWaiting {
				h.stream = nil
				hs = append(hs, h)
			}
		}
	}
	clear(s.byKey)
	s.due, s.wait = nil, 0
	return hs
}

// streamHeap orders streams by when they may go on; heap.Interface.
type streamHeap []*stream

func (h streamHeap) Len() int           { return len(h) }
func (h streamHeap) Less(i, j int) bool { return h[i].next.Before(h[j].next) }
func (h streamHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}
func (h *streamHeap) Push(x any) {
	st := x.(*stream)
	st.pos = len(*h)
	*h = append(*h, st)
}
func (h *streamHeap) Pop() any {
	old := *h
	st := old[len(old)-1]
	old[len(old)-1] = nil
	st.pos = -1
	*h = old[:len(old)-1]
	return st
}
