package probe

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pool is the set of mtr-packet processes: as few as will do, as each of
// them receives every ICMP answer that comes to the machine. Except for its
// child goroutines it belongs to the scheduler's loop.
type pool struct {
	opt    Options
	inbox  *inbox
	log    *slog.Logger
	do     func(func() error) error
	seed   maphash.Seed
	thread chan func() // runs on the thread that children are started from
	wg     sync.WaitGroup

	gather atomic.Int64 // how long readers let answers gather

	procs  []*process // ready, in order of their start, until they ended
	kinds  [2]kindState
	lanes  [tcpLanes]bool // in use
	skip   map[uint16]bool
	latest Features
	stats  struct{ started, restarts, garbage int }
}

// kindState is what holds for the processes of TCP, or for all others.
type kindState struct {
	starting int
	failures int       // in a row
	retry    time.Time // not before
	err      error     // why there is none, once it is clear that there will be none soon
	last     time.Time // start
}

const (
	kindOther = 0
	kindTCP   = 1

	denseLoad    = 0.7 // of the places in use: another process
	retireAt     = 0.9 // of a process's life: another process
	patience     = 3   // failures in a row until probes are given up
	shortLife    = 5 * time.Second
	missingRetry = 3 * time.Second // nothing changes quickly where mtr-packet is missing or has no rights
	firstRetry   = 100 * time.Millisecond
	longestRetry = 5 * time.Second
	clashes      = 16 // children with an ICMP id in use, until that is a failure
)

func newPool(opt Options, in *inbox) *pool {
	return &pool{
		opt: opt, inbox: in, log: opt.Log, do: opt.Do, seed: maphash.MakeSeed(),
		thread: make(chan func()), skip: make(map[uint16]bool),
	}
}

func kindOf(tcp bool) int {
	if tcp {
		return kindTCP
	}
	return kindOther
}

// begin makes the thread that children are started from. The kernel kills a
// child when the *thread* that started it ends, so that one stays until all
// children have ended.
func (p *pool) begin() (end func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range p.thread {
			f()
		}
	}()
	return func() {
		p.wg.Wait()
		close(p.thread)
		<-ended
	}
}

// maintain starts what is wanting, and ends what is hung, worn or idle.
func (p *pool) maintain(ctx context.Context, now time.Time, tcpWaiting bool, stallEnd time.Time) {
	var load, room, stuck, ready [2]int
	for _, c := range p.procs {
		k := kindOf(c.tcp)
		if why := c.hung(now, p.opt.word, stallEnd); why != "" && !c.killed {
			p.log.Warn("mtr-packet killed", "err", why)
			c.kill(fmt.Errorf("mtr-packet was killed: %s: %w", why, ErrProcess))
		}
		if c.used >= c.life {
			c.leave(now)
		}
		if c.leaving || c.killed {
			continue
		}
		load[k] += c.inFlight
		if float64(c.used) < retireAt*float64(c.life) {
			ready[k]++
			room[k] += c.limit(LongLook)
			if !c.stuckSince.IsZero() {
				stuck[k]++
			}
		}
	}
	p.retire(now, ready)
	for k := range p.kinds {
		ks := &p.kinds[k]
		total := ready[k] + ks.starting
		room[k] += ks.starting * p.roomOf(k)
		var want bool
		switch {
		case now.Before(ks.retry):
		case k == kindTCP:
			want = total == 0 && tcpWaiting || total > 0 && float64(load[k]) > denseLoad*float64(room[k])
			want = want && ks.starting == 0 && p.freeLane() >= 0
		case total >= p.opt.MaxProcesses:
		default:
			want = total == 0 || float64(load[k]) > denseLoad*float64(room[k]) ||
				stuck[k] == ready[k] && ks.starting == 0 && now.Sub(ks.last) > 200*time.Millisecond
		}
		if want {
			p.start(ctx, k, now)
		}
	}
}

func (p *pool) roomOf(kind int) int {
	if kind == kindTCP {
		return maxInFlightTCP
	}
	return maxInFlight
}

// retire lets the youngest idle process go, but for the last of those that
// do not serve TCP, and ends those that have nothing left to wait for.
func (p *pool) retire(now time.Time, ready [2]int) {
	for i := len(p.procs) - 1; i >= 0; i-- {
		c := p.procs[i]
		if c.leaving || c.killed || c.inFlight > 0 || now.Sub(c.idle) < p.opt.idle {
			continue
		}
		if k := kindOf(c.tcp); k == kindTCP || ready[k] > 1 {
			c.leave(now)
			ready[k]--
			break
		}
	}
	for _, c := range p.procs {
		if c.leaving && c.inFlight == 0 && len(c.pend) == 0 && !c.closed {
			c.closed = true
			_ = c.stdin.Close() // its reader tells when it has ended
		}
	}
}

func (p *pool) freeLane() int {
	for i, used := range p.lanes {
		if !used {
			return i
		}
	}
	return -1
}

func (p *pool) start(ctx context.Context, kind int, now time.Time) {
	ks := &p.kinds[kind]
	ks.starting++
	ks.last = now
	lane := 0
	if kind == kindTCP {
		lane = p.freeLane()
		p.lanes[lane] = true
	}
	p.wg.Go(func() { p.child(ctx, kind == kindTCP, lane) })
}

// child is the life of one child: started, asked, read until it ends.
func (p *pool) child(ctx context.Context, tcp bool, lane int) {
	c, err := p.spawn()
	if err != nil {
		p.inbox.child(childNews{tcp: tcp, lane: lane, err: err})
		return
	}
	c.tcp, c.lane = tcp, lane
	defer context.AfterFunc(ctx, func() { _ = c.cmd.Process.Kill() })()
	lines := &lineReader{r: c.stdout}
	if err := c.greet(lines, p.opt.greet); err != nil {
		c.end()
		p.inbox.child(childNews{tcp: tcp, lane: lane, err: err})
		return
	}
	if p.opt.life > 0 {
		c.life = p.opt.life
	}
	p.inbox.child(childNews{p: c, tcp: tcp, lane: lane, ready: true})
	p.read(c, lines)
	err = c.end()
	if said := c.errs.String(); said != "" {
		err = errors.Join(err, errors.New(said))
	}
	p.inbox.child(childNews{p: c, tcp: tcp, lane: lane, err: err})
}

// spawn starts a child whose ICMP id nobody else has.
func (p *pool) spawn() (c *process, err error) {
	for range clashes {
		done := make(chan struct{})
		p.thread <- func() {
			defer close(done)
			err = p.do(func() error {
				var serr error
				if c, serr = start(p.path(), p.opt.env); serr != nil {
					return serr
				}
				c.claim, serr = claimID(c.cmd.Process.Pid)
				return serr
			})
		}
		<-done
		if c == nil {
			return nil, err
		}
		if err == nil {
			other, found := otherWithID(p.opt.proc, c.cmd.Process.Pid)
			if !found {
				return c, nil
			}
			err = fmt.Errorf("claim ICMP id %d: process %d has it: %w", icmpID(c.cmd.Process.Pid), other, errClaimed)
		}
		c.end()
		c = nil
		if !errors.Is(err, errClaimed) {
			break
		}
	}
	return nil, fmt.Errorf("start mtr-packet: %w: %w", ErrProcess, err)
}

// read passes on what a child answers until it ends. Lines that come close
// together are passed on together.
func (p *pool) read(c *process, lines *lineReader) {
	var batch []received
	last := time.Time{}
	for {
		line, err := lines.next()
		if err != nil {
			return
		}
		at := p.opt.Now()
		for ok := true; ok; line, ok = lines.buffered() {
			a, err := parseAnswer(line)
			if err == nil && a.token == tokenBurn {
				continue
			}
			batch = append(batch, received{p: c, at: at, answer: a}) // zero where it was none
		}
		p.inbox.answer(batch)
		clear(batch)
		batch = batch[:0]
		// mtr-packet writes each answer by itself: under load, let them
		// gather for a moment. Their times are measured already.
		if g := time.Duration(p.gather.Load()); at.Sub(last) < g {
			time.Sleep(g)
		}
		last = at
	}
}

const (
	gather     = time.Millisecond
	gatherCalm = 10 * time.Millisecond // while nobody waits for them
)

// news takes in what became of a child. It returns the child's probes where
// it has ended, and why they will not be answered.
func (p *pool) news(n childNews, now time.Time) (orphans []*Handle, why error) {
	ks := &p.kinds[kindOf(n.tcp)]
	switch {
	case n.p == nil:
		ks.starting--
		p.freed(n)
		p.failed(ks, n.err, now)
	case n.ready:
		ks.starting--
		if ks.err != nil {
			p.log.Info("mtr-packet runs again")
		}
		ks.err = nil
		n.p.begun, n.p.idle = now, now
		p.procs = append(p.procs, n.p)
		p.latest = n.p.features
		p.stats.started++
	default:
		p.freed(n)
		for i, c := range p.procs {
			if c == n.p {
				p.procs = append(p.procs[:i], p.procs[i+1:]...)
				break
			}
		}
		orphans = n.p.orphans()
		if n.p.leaving && !n.p.killed && len(orphans) == 0 {
			ks.failures = 0
			return nil, nil
		}
		p.stats.restarts++
		why = n.p.killedBy
		if why == nil {
			why = fmt.Errorf("mtr-packet ended (%v): %w", n.err, ErrProcess)
			p.log.Warn("mtr-packet ended", "err", n.err)
		}
		if now.Sub(n.p.begun) > shortLife {
			ks.failures = 0
			return orphans, why
		}
		p.failed(ks, why, now)
	}
	return orphans, why
}

func (p *pool) freed(n childNews) {
	if n.tcp {
		p.lanes[n.lane] = false
	}
}

// failed notes a failure, and says when to try again. The first death of a
// process is replaced at once.
func (p *pool) failed(ks *kindState, err error, now time.Time) {
	ks.failures++
	lasting := errors.Is(err, ErrMissing) || errors.Is(err, ErrPermission)
	switch {
	case lasting:
		ks.retry = now.Add(missingRetry)
	case ks.failures > 1:
		ks.retry = now.Add(min(firstRetry<<min(ks.failures-2, 10), longestRetry))
	}
	if lasting || ks.failures >= patience {
		if ks.err == nil {
			p.log.Error("mtr-packet does not run", "err", err)
		}
		ks.err = err
	}
}

// ended says why probes of a kind have no process and will have none soon.
// ErrUnable is in it where that holds for all kinds.
func (p *pool) ended(kind int) error {
	var runs [2]bool
	for _, c := range p.procs {
		if !c.killed {
			runs[kindOf(c.tcp)] = true
		}
	}
	err := p.kinds[kind].err
	if runs[kind] || err == nil {
		return nil
	}
	if !runs[kindOther] && p.kinds[kindOther].err != nil {
		return unable{err}
	}
	return err
}

// pick is a process that takes a probe, or nil: the first with room, so that
// those at the end become idle. UDP goes by target: an ICMP error that quotes
// UDP is matched by addresses, ports and sequence number, which two processes
// can have in common where both send to one target.
func (p *pool) pick(s *Spec, c Class) *process {
	from := 0
	if s.Protocol == UDP && len(p.procs) > 1 {
		from = int(maphash.Comparable(p.seed, s.Addr) % uint64(len(p.procs)))
	}
	for i := range p.procs {
		proc := p.procs[(from+i)%len(p.procs)]
		if proc.tcp == (s.Protocol == TCP) && proc.takes(c) {
			return proc
		}
	}
	return nil
}

// hasRoom says whether pick will find a process for anything but TCP.
func (p *pool) hasRoom(c Class) bool {
	return p.pick(&Spec{Protocol: ICMP}, c) != nil
}

// put gives a probe to a process.
func (p *pool) put(proc *process, h *Handle, source netip.Addr) {
	if port := h.req.Port; h.req.Protocol == UDP && port >= otherFirst && len(p.skip) < 1024 {
		p.skip[uint16(port)] = true // its answers would be taken for that number's
	}
	proc.put(h, source, p.skip)
}

// inFlight is how many probes mtr-packet has not given its last word on.
func (p *pool) inFlight() (n int) {
	for _, c := range p.procs {
		n += c.inFlight
	}
	return n
}

// hasty is how many of them somebody waits for.
func (p *pool) hasty() (n int) {
	for _, c := range p.procs {
		n += c.hasty
	}
	return n
}

// path is where mtr-packet is now: it may be installed while this runs.
func (p *pool) path() string {
	if p.opt.Path != "" {
		return p.opt.Path
	}
	return findPath()
}

// findPath is where mtr-packet is: in PATH, or where systems keep it that
// leave /usr/sbin out of users' PATH.
func findPath() string {
	if path, err := exec.LookPath("mtr-packet"); err == nil {
		return path
	}
	for _, dir := range [...]string{"/usr/sbin", "/usr/bin", "/sbin", "/usr/local/sbin", "/usr/local/bin"} {
		path := dir + "/mtr-packet"
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
			return path
		}
	}
	return "mtr-packet"
}
