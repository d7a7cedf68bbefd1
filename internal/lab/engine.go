package lab

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	slotLen   = 2048  // headroom, a packet of tunMTU octets, an extension
	slotCount = 32768 // packets in the air at once; memory is used only by as many as ever were

	// busyNs is the shortest sleep of a writer that has just slept: arming a timer costs more than writing an answer,
	// so that under load answers leave in twos and threes, up to this late.
	busyNs = 50_000
)

// engine reads probes from the TUN device on one thread, decides their fate, and writes the answers on a second
// one when they are due. A probe is read into a slot, its answer is made in the same slot, and slots go from
// reader to writer and back through rings, so that neither thread locks or allocates for a packet.
type engine struct {
	tun   int
	wake  int // eventfd: ends the writer's sleep
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
	e := &engine{
		tun: tun, wake: wake, truth: truth, memory: memory, slots: make([]slot, slotCount),
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

// stop waits for both threads. The device must have been deleted, which ends the reader.
func (e *engine) stop() {
	e.stopping.Store(true)
	e.wakeWriter()
	e.threads.Wait()
	_ = unix.Munmap(e.memory)
	_ = unix.Close(e.wake)
}

// buf is the memory of a slot.
func (e *engine) buf(i int32) []byte {
	return e.memory[int(i)*slotLen : (int(i)+1)*slotLen : (int(i)+1)*slotLen]
}

// readLoop takes packets from the kernel until the device is gone.
func (e *engine) readLoop() {
	spare := make([]byte, slotLen) // what is read while no slot is left
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
		n, err := unix.Read(e.tun, buf[headroom:headroom+tunMTU])
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		now := time.Now()
		nowNs := int64(now.Sub(e.truth.clock.base))
		if len(e.free) == 0 {
			e.refuse(buf[headroom:headroom+n], now, nowNs)
			continue
		}
		i := e.free[len(e.free)-1]
		s := &e.slots[i]
		if !e.receive(buf, n, now, nowNs, s) {
			continue // no answer: the slot is used again
		}
		e.free = e.free[:len(e.free)-1]
		dueNs := s.dueNs // the slot is the writer's after the push
		e.toWire.push(i)
		if dueNs < e.sleepUntil.Load() {
			e.wakeWriter()
		}
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
			var timeout *unix.Timespec
			if next != math.MaxInt64 {
				wait := next - now
				if now-lastWoken < busyNs {
					wait = max(wait, busyNs)
				}
				ts := unix.NsecToTimespec(wait)
				timeout = &ts
			}
			if n, _ := unix.Ppoll(fds, timeout, nil); n > 0 {
				_, _ = unix.Read(e.wake, counter[:])
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
	// A write never blocks, so the scheduler need not hear of it. It fails only while the device is down or gone.
	b := e.buf(i)[s.answer.off : s.answer.off+s.answer.n]
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(e.tun), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	e.toFree.push(i)
}

func (e *engine) wakeWriter() {
	one := [8]byte{1} // native endian matters not: any value but zero wakes
	_, _ = unix.Write(e.wake, one[:])
}

// random32 is 32 random bits.
func (e *engine) random32() uint64 { return e.rng.Uint64() >> 32 }

// bucket is the state of a router's limit.
type bucket struct {
	limit  Limit
	tokens float64
	lastNs int64
}

// take says whether the limit allows one more message at nowNs. A changed limit begins with a full bucket.
func (b *bucket) take(l Limit, nowNs int64) bool {
	if l.Burst <= 0 {
		b.limit = l
		return true
	}
	if b.limit != l {
		*b = bucket{limit: l, tokens: float64(l.Burst), lastNs: nowNs}
	}
	if nowNs > b.lastNs { // packets with jitter may reach a router out of order
		b.tokens = min(float64(l.Burst), b.tokens+float64(nowNs-b.lastNs)*l.PerSecond/1e9)
		b.lastNs = nowNs
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
