package lab

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	slotLen   = 2048  // headroom, a packet of tunMTU octets, an extension
	slotCount = 32768 // packets in the air at once; memory is used only by as many as ever were

	// busyNs is the shortest sleep of a thread that has just slept: going to sleep and waking costs more than handling a
	// packet, so that above some 20,000/s packets are taken in twos and threes, up to this late.
	busyNs = 50_000
)

// engine reads probes from the TUN device on one thread, decides their fate, and writes the answers on a second
// one when they are due. A probe is read into a slot, its answer is made in the same slot, and slots go from
// reader to writer and back through rings, so that neither thread locks or allocates for a packet.
type engine struct {
	tun   int
	wake  int // eventfd: ends the writer's sleep
	quit  int // eventfd: ends the reader
	state atomic.Pointer[state]
	truth *Truth

	memory []byte // slotCount slots
	slots  []slot
	toWire *ring // reader to writer: slots with an answer
	toFree *ring // writer to reader: slots to use again

	// sleepUntil is when the writer will look again by itself; 0 while it is awake.
	sleepUntil atomic.Int64
	stopping   atomic.Bool
	threads    sync.WaitGroup

	// Of the reading thread alone:
	free    []int32 // used from the end, so that few slots stay warm in the cache
	rng     rand.PCG
	buckets []bucket
	p       probe
	walk    walk
}

// slot is what the writer has to know of an answer.
type slot struct {
	dueNs  int64
	answer span
	rec    *record // nil: not logged
}

func newEngine(tun int, truth *Truth, seed uint64) (*engine, error) {
	memory, err := unix.Mmap(-1, 0, slotCount*slotLen, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map %d octets for packets: %w", slotCount*slotLen, err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Munmap(memory)
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	quit, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Munmap(memory)
		_ = unix.Close(wake)
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	e := &engine{
		tun: tun, wake: wake, quit: quit, truth: truth, memory: memory, slots: make([]slot, slotCount),
		toWire: newRing(slotCount), toFree: newRing(slotCount), free: make([]int32, slotCount),
	}
	e.rng.Seed(seed, 1)
	for i := range e.free {
		e.free[i] = int32(slotCount - 1 - i)
	}
	return e, nil
}

func (e *engine) start() {
	e.threads.Go(func() { onEngineThread(e.readLoop) })
	e.threads.Go(func() { onEngineThread(e.writeLoop) })
}

// stop ends both threads.
func (e *engine) stop() {
	e.stopping.Store(true)
	signalEvent(e.quit)
	signalEvent(e.wake)
	e.threads.Wait()
	_ = unix.Munmap(e.memory)
	_ = unix.Close(e.wake)
	_ = unix.Close(e.quit)
}

// buf is the memory of a slot.
func (e *engine) buf(i int32) []byte {
	return e.memory[int(i)*slotLen : (int(i)+1)*slotLen : (int(i)+1)*slotLen]
}

// readLoop takes packets from the kernel until the device is gone.
func (e *engine) readLoop() {
	spare := make([]byte, slotLen)      // what is read while no slot is left
	lastWoken, found := int64(0), false // when the last wait ended, and whether a packet came since
	fds := []unix.PollFd{{Fd: int32(e.tun), Events: unix.POLLIN}, {Fd: int32(e.quit), Events: unix.POLLIN}}
	for {
		for {
			i, ok := e.toFree.pop()
			if !ok {
				break
			}
			e.free = append(e.free, i)
		}
		buf := spare
		if len(e.free) > 0 {
			buf = e.buf(e.free[len(e.free)-1])
		}
		n, errno := quickCall(unix.SYS_READ, e.tun, buf[headroom:headroom+tunMTU])
		if errno == unix.EAGAIN || errno == unix.EINTR {
			if found && e.truth.clock.nowNs()-lastWoken < busyNs {
				nap(busyNs) // wakes without the sender's doing, for which it would pay with an interrupt
			} else if waitFor(fds, math.MaxInt64); fds[1].Revents != 0 {
				return
			}
			lastWoken, found = e.truth.clock.nowNs(), false
			continue
		}
		if errno != 0 || n == 0 {
			return // the device is gone
		}
		found = true
		st, now, nowNs := e.moment()
		if len(e.free) == 0 {
			e.refuse(st, buf[headroom:headroom+n], now, nowNs)
			continue
		}
		i := e.free[len(e.free)-1]
		s := &e.slots[i]
		if !e.receive(st, buf, n, now, nowNs, s) {
			continue // no answer: the slot is used again
		}
		e.free = e.free[:len(e.free)-1]
		dueNs := s.dueNs // the slot is the writer's after the push
		e.toWire.push(i)
		if dueNs < e.sleepUntil.Load() {
			signalEvent(e.wake)
		}
	}
}

// moment is the time, and the network as it is at that time: this thread may be held up between reading one and the
// other, and a packet's fate must agree with the events around it.
func (e *engine) moment() (*state, time.Time, int64) {
	for st := e.state.Load(); ; {
		now := time.Now()
		next := e.state.Load()
		if next == st {
			nowNs := int64(now.Sub(e.truth.clock.base))
			if st.seenNs != nil && st.seenNs.Load() == 0 {
				st.seenNs.Store(nowNs)
			}
			return st, now, nowNs
		}
		st = next
	}
}

// writeLoop gives answers to the kernel when they are due, until stop.
func (e *engine) writeLoop() {
	pending := make(dueHeap, 0, slotCount)
	lastWoken := int64(0)
	fds := []unix.PollFd{{Fd: int32(e.wake), Events: unix.POLLIN}}
	var counter [8]byte
	for !e.stopping.Load() {
		for {
			i, ok := e.toWire.pop()
			if !ok {
				break
			}
			pending.push(due{e.slots[i].dueNs, i})
		}
		next := int64(math.MaxInt64)
		now := e.truth.clock.nowNs()
		if len(pending) > 0 {
			next = pending[0].at
			if next <= now {
				e.send(pending.pop().slot, now)
				continue
			}
		}
		e.sleepUntil.Store(next)
		// A slot pushed before the store was not followed by a wake: look once more.
		if e.toWire.empty() && !e.stopping.Load() {
			wait := next - now
			if now-lastWoken < busyNs {
				wait = max(wait, busyNs)
			}
			if waitFor(fds, wait); fds[0].Revents != 0 {
				_, _ = quickCall(unix.SYS_READ, e.wake, counter[:])
			}
			lastWoken = e.truth.clock.nowNs()
		}
		e.sleepUntil.Store(0)
	}
}

// send writes one answer and hands its slot back. The kernel takes the packet through its whole input path before
// it returns.
func (e *engine) send(i int32, nowNs int64) {
	s := &e.slots[i]
	if s.rec != nil {
		s.rec.answeredNs.Store(nowNs)
		s.rec = nil
	}
	// It fails only while the device is down or gone.
	_, _ = quickCall(unix.SYS_WRITE, e.tun, e.buf(i)[s.answer.off:s.answer.off+s.answer.n])
	e.toFree.push(i)
}

// random32 is 32 random bits.
func (e *engine) random32() uint64 { return e.rng.Uint64() >> 32 }
