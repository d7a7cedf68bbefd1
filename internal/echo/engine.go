package echo

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// grace is from a deadline to when a ping is called lost: what arrived by then may not have come through the
	// kernel to the socket yet, while all processors are busy.
	grace = 5 * time.Millisecond
	// keep is how long after its deadline an answer is still known for what it is.
	keep = 2 * time.Second
	// patience is how long the kernel may have no room for a ping.
	patience = 100 * time.Millisecond
	// again is when Next says that this should be tried again.
	again = 3 * time.Millisecond

	sendAtOnce    = 16 // pings that have one time of sending: some 50 µs of it
	receiveAtOnce = 64
	readLen       = 256 // of a packet: more than an ICMP error with the ping in it
)

// engine is a Pinger without the tags. What there is to tell is in news until
// settle.
type engine struct {
	now  func() time.Time
	wall func(time.Time) int64
	log  *slog.Logger

	socks [families]*socket // nil: this machine does not speak it

	cells cells
	open  *wheel // pings under way, by deadline
	late  *wheel // lost ones, by when they are forgotten
	rand  *rand.ChaCha8

	out, in  *batch
	news     []news
	done     []int32 // cells that come free with settle
	inFlight int
	stats    Stats
	warned   time.Time // of packets dropped
}

// news is a Result without its tag.
type news struct {
	cell    int32
	outcome Outcome
	sent    time.Time
	rtt     time.Duration
	from    netip.Addr
	err     error
}

var errFamily = errors.New("this machine does not speak it")

func openEngine(opt Options) (*engine, error) {
	e := &engine{now: opt.Now, wall: opt.wall, log: opt.Log}
	if e.now == nil {
		e.now = time.Now
	}
	if e.wall == nil {
		e.wall = time.Time.UnixNano
	}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	e.rand = rand.NewChaCha8(seed)
	e.cells.first, e.cells.last = -1, -1
	now := e.now()
	e.open, e.late = newWheel(&e.cells, now), newWheel(&e.cells, now)
	e.out, e.in = newBatch(sendAtOnce, packetLen), newBatch(receiveAtOnce, readLen)

	do := opt.Do
	if do == nil {
		do = func(f func() error) error { return f() }
	}
	var missing [families]error
	err := do(func() error {
		for f := range families {
			s, err := openSocket(f, &opt)
			if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPROTONOSUPPORT) {
				missing[f] = err
			} else if err != nil {
				return err
			}
			e.socks[f] = s
		}
		return nil
	})
	if err == nil && e.socks[v4] == nil && e.socks[v6] == nil {
		err = errors.Join(missing[:]...)
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *engine) raw() bool {
	for _, s := range e.socks {
		if s != nil && s.raw {
			return true
		}
	}
	return false
}

func (e *engine) close() (err error) {
	for f, s := range e.socks {
		if s != nil {
			err = errors.Join(err, unix.Close(s.fd))
			e.socks[f] = nil
		}
	}
	return err
}

// ask puts a ping into the queue. One that can never leave is told as such.
func (e *engine) ask(to netip.Addr, deadline time.Duration, now time.Time) int32 {
	i := e.cells.take()
	to = to.Unmap()
	c := &e.cells.list[i]
	*c = cell{
		to: to.WithZone("").As16(), nonce: e.rand.Uint64(), sent: now, deadline: deadline,
		next: -1, prev: -1, state: queued,
	}
	if to.Is6() {
		c.family = v6
	}
	e.inFlight++
	s := e.socks[c.family]
	var err error
	switch {
	case !to.IsValid():
		err = errors.New("ping: no address")
	case s == nil:
		err = fmt.Errorf("ping %s: no socket of %s: %w", to, c.family, errFamily)
	case to.Zone() != "":
		if c.scope, err = s.scope(to); err != nil {
			err = fmt.Errorf("ping %s: interface %q: %w", to, to.Zone(), err)
		}
	}
	if err != nil {
		e.unsent(i, Unknown, err)
		return i
	}
	s.queue = append(s.queue, i)
	return i
}

// unsent tells of a ping that did not leave.
func (e *engine) unsent(i int32, o Outcome, err error) {
	n := news{cell: i, outcome: o, err: err}
	if o == NoRoute {
		n.sent = e.cells.list[i].sent
	}
	e.tell(n, true)
}

// tell adds news. The last word of a ping lets its cell come free.
func (e *engine) tell(n news, last bool) {
	e.news = append(e.news, n)
	switch n.outcome {
	case Reply:
		e.stats.Answered++
	case Late:
		e.stats.Late++
	case Lost:
		e.stats.Lost++
	case Unreachable:
		e.stats.Unreachable++
	case NoRoute:
		e.stats.NoRoute++
	case Unknown:
		e.stats.Unknown++
	}
	c := &e.cells.list[n.cell]
	if c.state != lost {
		e.inFlight--
		c.state = lost
	}
	if last {
		e.forget(n.cell)
	}
}

// forget lets a cell come free with settle.
func (e *engine) forget(i int32) {
	e.cells.list[i].state = known
	e.done = append(e.done, i)
}

// settle ends a call: the news are told.
func (e *engine) settle(freed func(int32)) {
	for _, i := range e.done {
		e.cells.give(i)
		freed(i)
	}
	clear(e.news) // lets go of errors
	e.news, e.done = e.news[:0], e.done[:0]
}

// next is when poll has something to do on its own.
func (e *engine) next() (time.Time, bool) {
	at, ok := e.open.next()
	for _, s := range e.socks {
		if s == nil || len(s.queue) == 0 {
			continue
		}
		if t := s.triedAt.Add(again); !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// poll's order is what its promise rests on: all that has arrived is read
// before anything is called lost, and whether something was dropped is asked
// in between.
func (e *engine) poll(now time.Time) {
	for _, s := range e.socks {
		if s != nil {
			e.drain(s)
			e.drainErrors(s)
			e.count(s)
		}
	}
	e.flush(now)
	e.expire(now)
}

// expire tells of those whose deadline is over.
func (e *engine) expire(now time.Time) {
	for _, i := range e.open.advance(now) {
		c := &e.cells.list[i]
		if over := c.sent.Add(c.deadline + grace); now.Before(over) {
			e.open.add(i, over) // further ahead than the wheel reached
			continue
		}
		if e.socks[c.family].doubtful(c.sent) {
			e.tell(news{cell: i, outcome: Unknown, sent: c.sent}, true)
			continue
		}
		e.tell(news{cell: i, outcome: Lost, sent: c.sent}, false)
		e.late.add(i, c.sent.Add(c.deadline+keep))
	}
	for _, i := range e.late.advance(now) {
		e.forget(i)
	}
}

// count asks how many packets found no room since it was last asked.
func (e *engine) count(s *socket) {
	n, err := s.dropped()
	if err != nil { // never, of a socket that is open
		s.doubtUpTo(e.now())
		return
	}
	more := n - s.drops
	if s.drops = n; more == 0 {
		return
	}
	now := e.now()
	s.doubtUpTo(now)
	e.stats.Overflows += uint64(more)
	if e.warned.IsZero() || now.Sub(e.warned) >= time.Minute {
		e.warned = now
		e.log.Warn("answers to pings found no room in the socket: what is missing is not called lost; raise net.core.rmem_max, or ask fewer targets",
			"family", s.family.String(), "packets", more)
	}
}
