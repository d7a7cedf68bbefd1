package echo

import (
	"log/slog"
	"net/netip"
	"time"
)

// Options are what Open needs to know. The zero value is complete.
type Options struct {
	// Do runs a function in the network namespace of the pings; nil: they
	// leave from this process's. Sockets are opened there and stay there.
	Do func(func() error) error
	// Source4 and Source6 are where pings come from; invalid: the kernel's
	// choice for each.
	Source4, Source6 netip.Addr
	Now              func() time.Time // nil: time.Now
	Log              *slog.Logger     // nil: none

	// For tests.
	raw     bool                  // raw sockets, though others may be had
	receive int                   // bytes of SO_RCVBUF; 0: as many as there may be
	send    int                   // of SO_SNDBUF
	wall    func(time.Time) int64 // realtime clock at a time of Now; nil: its own
}

// A Request is one ping.
type Request[T any] struct {
	Addr     netip.Addr
	Deadline time.Duration // how long its answer may take
	Tag      T             // comes back with each Result
}

// Outcome is what became of a ping.
type Outcome uint8

const (
	Reply       Outcome = iota // answered in time
	Late                       // answered after its deadline; follows Lost
	Lost                       // no answer by its deadline, and this machine would have had it
	Unreachable                // a router said so, or that its TTL was used up
	NoRoute                    // this machine has no way there: it was not sent
	Unknown                    // nobody can say
)

func (o Outcome) String() string {
	return [...]string{"reply", "late", "lost", "unreachable", "no-route", "unknown"}[o]
}

// A Result is what became of one ping.
type Result[T any] struct {
	Tag     T
	Outcome Outcome
	// Sent is when it left, by Options.Now; of NoRoute when it would have.
	// Zero: it did not leave.
	Sent time.Time
	// RTT is the time until the answer or ICMP error arrived, by the
	// kernel's stamp. Only of Reply, Late and Unreachable; else there is none.
	RTT time.Duration
	// From is who answered: the target, or the router that said
	// Unreachable. Else invalid.
	From netip.Addr
	Err  error // why Unknown did not leave
}

// Stats counts since Open. Pings are counted once each, except that Late
// ones are among the Lost too.
type Stats struct {
	Sent        uint64 // left
	Answered    uint64 // Reply
	Lost        uint64
	Late        uint64
	Unreachable uint64
	NoRoute     uint64 // not among Sent
	Unknown     uint64 // among Sent or not
	Overflows   uint64 // packets for us that the kernel had no room for
	Foreign     uint64 // packets that answered no ping under way
}

// A Pinger sends pings and tells what became of them. Its methods must not
// be called at the same time, nor from a told function.
type Pinger[T any] struct {
	e    *engine
	tags []T // by cell
}

// Open opens the sockets: ICMP datagram sockets where this user's group may
// have them (net.ipv4.ping_group_range), raw ones (CAP_NET_RAW) otherwise. A
// family that this machine does not speak is no error as long as the other is
// there: pings to it are told Unknown. Close the Pinger in the end.
//
// Raw sockets differ in one thing: a ping that finds the queue of its device
// full is lost without a word of the kernel, so it is told Lost, not Unknown.
func Open[T any](opt Options) (*Pinger[T], error) {
	e, err := openEngine(opt)
	if err != nil {
		return nil, err
	}
	return &Pinger[T]{e: e}, nil
}

// Raw says that raw sockets are used.
func (p *Pinger[T]) Raw() bool { return p.e.raw() }

// Send sends pings in the order given. It tells at once of those that cannot
// leave, and of what it hears of others meanwhile. What the kernel has no
// room for now is tried again by each Poll, for 100 ms.
func (p *Pinger[T]) Send(now time.Time, rs []Request[T], told func(Result[T])) {
	for i := range rs {
		at := p.e.ask(rs[i].Addr, rs[i].Deadline, now)
		if n := len(p.e.cells.list); n > len(p.tags) {
			p.tags = append(p.tags, make([]T, n-len(p.tags))...)
		}
		p.tags[at] = rs[i].Tag
	}
	p.e.flush(now)
	p.tell(told)
}

// Poll reads what has arrived, then says Lost of those whose deadline was
// over at now and whose answer was not among it. It must not be called with
// a time that is still to come.
func (p *Pinger[T]) Poll(now time.Time, told func(Result[T])) {
	p.e.poll(now)
	p.tell(told)
}

// tell passes on what there is to tell. Cells that came free are given out
// again only afterwards, so each tag is still that of its news.
func (p *Pinger[T]) tell(told func(Result[T])) {
	var none T
	for i := range p.e.news {
		n := &p.e.news[i]
		told(Result[T]{Tag: p.tags[n.cell], Outcome: n.outcome, Sent: n.sent, RTT: n.rtt, From: n.from, Err: n.err})
	}
	p.e.settle(func(cell int32) { p.tags[cell] = none })
}

// Next is when Poll will have something to say that does not wait for an
// answer: some milliseconds after the earliest deadline of the pings under
// way. False: never.
func (p *Pinger[T]) Next() (time.Time, bool) { return p.e.next() }

// InFlight is the number of pings whose outcome is not told yet.
func (p *Pinger[T]) InFlight() int { return p.e.inFlight }

// Stats says how many there were of what.
func (p *Pinger[T]) Stats() Stats { return p.e.stats }

// Close closes the sockets. Nothing is told of pings under way.
func (p *Pinger[T]) Close() error { return p.e.close() }
