package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	probing "github.com/prometheus-community/pro-bing"
)

// A Pinger pings through sockets of its own: what mtr-packet's pool says is
// confirmed by somebody else. It uses ICMP datagram sockets where the kernel
// lets this user open them (net.ipv4.ping_group_range), raw ones otherwise.
type Pinger struct {
	// Do runs a function in the network namespace of the pings, on one
	// thread, as long as the pings last; nil: they leave from this process's.
	Do func(func() error) error

	raw sync.Once // decides which sockets
	use bool
	err error
}

// pinged is what became of one ping. Sent and lost come from the same
// goroutine in the order of the numbers; an answer may come after lost.
type pinged struct {
	n       int // from 0, those that could not be sent included
	seq     int // as it went out
	sent    time.Time
	outcome outcome
	rtt     time.Duration
}

// pingRun is how to ping.
type pingRun struct {
	addr, source netip.Addr
	count        int // 0: until ctx ends
	interval     time.Duration
	deadline     time.Duration
	told         func(pinged) // of each when it is known; not at the same time
}

// Run pings until count were sent and are known, answers after the deadline
// included, or ctx ends. Its error says that the sockets cannot be had, or
// that the first ping could not be sent: then what was not told is unknown,
// not lost.
func (p *Pinger) Run(ctx context.Context, r pingRun) error {
	raw, err := p.sockets()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q := probing.New("")
	q.SetIPAddr(&net.IPAddr{IP: r.addr.AsSlice(), Zone: r.addr.Zone()})
	q.SetPrivileged(raw)
	refused := &refusal{}
	q.SetLogger(refused)
	q.RecordRtts, q.RecordTTLs = false, false
	q.Size = 36 // 64 bytes with the headers of IPv4 and ICMP
	q.Interval, q.TTL = r.interval, 64
	if r.count > 0 {
		q.Count = r.count
	}
	if r.source.IsValid() {
		q.Source = r.source.String()
	}
	book := &pingBook{run: r}
	q.OnSend = func(pk *probing.Packet) { book.sent(pk.Seq, time.Now()) }
	q.OnSendError = func(_ *probing.Packet, err error) { book.unsent(err, time.Now()) }
	q.OnRecv = func(pk *probing.Packet) { book.answered(pk.Seq, pk.Rtt, time.Now()) }
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { // says of those that stay silent that they are lost
		t := time.NewTicker(20 * time.Millisecond)
		defer t.Stop()
		for last := time.Now(); ; {
			select {
			case now := <-t.C:
				// After a pause of our own nobody listened: it tells nothing.
				stalled := now.Sub(last) > stallLeast
				last = now
				if book.expire(now, stalled) {
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	})
	do := p.Do
	if do == nil {
		do = func(f func() error) error { return f() }
	}
	err = do(func() error { return q.RunWithContext(ctx) })
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil && refused.was.Load() {
		err = os.NewSyscallError("sendto", syscall.EACCES)
	}
	if err != nil {
		return fmt.Errorf("ping %s: %w", r.addr, err)
	}
	return nil
}

// refusal is pro-bing's logger. Where the kernel says EACCES (a route of type
// prohibit), pro-bing takes the address for a broadcast, says so, and tries
// again at once, for ever, whatever its context says. Nobody watches a
// broadcast address: its goroutine ends here instead.
type refusal struct {
	probing.NoopLogger
	was atomic.Bool
}

func (r *refusal) Infof(format string, _ ...any) {
	if format == "Pinging a broadcast address" {
		r.was.Store(true)
		runtime.Goexit() // what it deferred closes its sockets
	}
}

// sockets says whether raw sockets must be used.
func (p *Pinger) sockets() (raw bool, err error) {
	p.raw.Do(func() {
		do := p.Do
		if do == nil {
			do = func(f func() error) error { return f() }
		}
		p.err = do(func() error {
			if tryPingSocket(syscall.SOCK_DGRAM) == nil {
				return nil
			}
			p.use = true
			if err := tryPingSocket(syscall.SOCK_RAW); err != nil {
				return fmt.Errorf("open a socket to ping from: %w; allow this user's group in net.ipv4.ping_group_range, or give it CAP_NET_RAW", err)
			}
			return nil
		})
	})
	return p.use, p.err
}

func tryPingSocket(kind int) error {
	fd, err := syscall.Socket(syscall.AF_INET, kind|syscall.SOCK_CLOEXEC, syscall.IPPROTO_ICMP)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	return syscall.Close(fd)
}

// pingBook pairs pings with their answers.
type pingBook struct {
	run pingRun

	mu    sync.Mutex
	open  []pinged // sent and not known, in order
	late  []pinged // told as lost, an answer may still come
	count int
}

func (b *pingBook) sent(seq int, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = append(b.open, pinged{n: b.count, seq: seq, sent: at, outcome: pending})
	b.count++
}

// unsent tells of a ping that the kernel did not take, which counts as one of
// all: else pings to where no route goes any more would never end. pro-bing
// sends another in its place under the same sequence number.
func (b *pingBook) unsent(why error, at time.Time) {
	if errors.Is(why, syscall.ENOBUFS) {
		return // pro-bing tries that again at once
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count == 0 {
		return // the first: that ends the run
	}
	p := pinged{n: b.count, seq: -1, sent: at, outcome: unknown}
	if errors.Is(why, syscall.ENETUNREACH) || errors.Is(why, syscall.EHOSTUNREACH) || errors.Is(why, syscall.ENETDOWN) {
		p.outcome = noRoute
	}
	b.count++
	b.run.told(p)
}

func (b *pingBook) answered(seq int, rtt time.Duration, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range b.open {
		if p.seq == seq {
			b.open = append(b.open[:i], b.open[i+1:]...)
			// pro-bing times by the wall clock, which may be stepped.
			most := at.Sub(p.sent)
			if rtt < 0 || rtt > most {
				rtt = most
			}
			p.outcome, p.rtt = answered, rtt
			if most > b.run.deadline+stallLeast {
				p.outcome, p.rtt = unknown, 0 // the time is that of our own pause
			}
			b.run.told(p)
			return
		}
	}
	for i, p := range b.late {
		if p.seq == seq {
			b.late = append(b.late[:i], b.late[i+1:]...)
			p.outcome, p.rtt = late, at.Sub(p.sent)
			b.run.told(p)
			return
		}
	}
}

// expire tells of those whose time is over, and says when all are known.
func (b *pingBook) expire(now time.Time, stalled bool) (over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.open) > 0 && now.Sub(b.open[0].sent) >= b.run.deadline {
		p := b.open[0]
		b.open = b.open[1:]
		p.outcome = lost
		if stalled {
			p.outcome = unknown
		} else {
			b.late = append(b.late, p)
		}
		b.run.told(p)
	}
	for len(b.late) > 0 && now.Sub(b.late[0].sent) > lateWait {
		b.late = b.late[1:]
	}
	return b.run.count > 0 && b.count >= b.run.count && len(b.open)+len(b.late) == 0
}
