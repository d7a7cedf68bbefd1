// Package drill is the rehearsal: it shows on this machine, in half a
// minute and in a private network, that a loss of ten seconds is noticed,
// traced while it lasts, kept, and put where it was.
//
// A drill makes a network whose loss it causes itself (internal/lab), lets
// an mtrq run of its own watch it, and compares what that writes down with
// the network's own log. It knows the truth, so it can say not only that
// an incident was opened but that it was right.
//
//	what happens                                   how long
//	all targets are heard, all paths learnt        about 8 s
//	a link in the middle loses packets             10 s
//	… and 1 s later the last link to a target      10 s
//	  elsewhere loses 30 %
//	the targets answer again                       about 3 s
//	run is told to stop: traces become reports     about 1 s
//
// Nothing real is touched: the node has a configuration, a spool and an
// archive of its own in a temporary directory, and the network has no way
// out. Afterwards, however it ends, the node has ended and the directory
// and the network are gone.
package drill

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/spool"
)

// The loss that a drill makes.
const (
	LossLasts    = 10 * time.Second
	LeastPercent = 30 // below that ten seconds are too short to be sure of an incident
	otherPercent = 30
	otherAfter   = time.Second
)

const (
	targets = 20
	minHops = 8
	maxHops = 12

	lookEach  = 100 * time.Millisecond
	warmPings = 5                // of each target, before anything is lost
	warmMost  = 25 * time.Second // for a machine that is busy
	backMost  = 15 * time.Second // for the targets to answer again
)

// A Drill is one rehearsal. Set the fields, then call Run once.
type Drill struct {
	Percent   float64 // of the packets that the link loses, LeastPercent to 100
	Seed      uint64  // of the network: the same one has the same routers and links
	Program   string  // mtrq; "": this program
	MTRPacket string  // path of mtr-packet; "": looked for in PATH
	TempDir   string  // where its directory is made; "": os.TempDir()

	Tell func(Milestone) // of each milestone when it is decided, in order; nil: nobody
	Wait func(string)    // of what is waited for now, many times a second; nil: nobody
	Now  func() time.Time

	plan *plan
	net  *lab.Net
	node *node
	seen seen
	told map[Name]State
}

// A NetworkError says that no private network could be made: rights or a
// device are missing (fs.ErrPermission, fs.ErrNotExist).
type NetworkError struct{ Err error }

func (e *NetworkError) Error() string { return "make a private network: " + e.Err.Error() }
func (e *NetworkError) Unwrap() error { return e.Err }

// Run holds the drill and returns when nothing is left of it. An error says
// that it could not be held, or that ctx ended before it; what went wrong
// in a drill that was held is in the Result.
func (d *Drill) Run(ctx context.Context) (res *Result, err error) {
	if d.Percent < LeastPercent || d.Percent > 100 {
		return nil, fmt.Errorf("a loss of %g %%: want %d to 100", d.Percent, LeastPercent)
	}
	d.seen = seen{onDisk: map[ulid.ULID]time.Time{}, right: map[ulid.ULID]time.Time{}}
	d.told = map[Name]State{}
	top, err := lab.Tree(targets, minHops, maxHops, d.Seed)
	if err != nil {
		return nil, err
	}
	if d.plan, err = choose(top, d.Percent, otherPercent); err != nil {
		return nil, err
	}
	if d.net, err = lab.Start(lab.Config{Topology: top, Seed: d.Seed}); err != nil {
		return nil, &NetworkError{err}
	}
	defer func() { err = errors.Join(err, d.net.Close()) }()
	dir, err := os.MkdirTemp(d.TempDir, "mtrq-drill-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program := d.Program
	if program == "" {
		program = "/proc/self/exe"
	}
	var list []netip.Addr
	for i := range d.plan.paths {
		list = append(list, d.plan.target(i))
	}
	if d.node, err = startNode(d.net.Space(), program, d.MTRPacket, dir, list); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.node.end()) }()
	d.seen.started = true
	d.tell()
	return d.hold(ctx)
}

// hold is the drill itself.
func (d *Drill) hold(ctx context.Context) (*Result, error) {
	trouble := d.warm(ctx)
	if trouble == nil {
		trouble = d.rehearse(ctx)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("the drill was stopped before its end: %w", context.Cause(ctx))
	}
	d.wait("the traces become reports")
	select {
	case <-d.node.ended: // it is the trouble
	default:
		trouble = errors.Join(trouble, d.node.drain())
	}
	if err := d.look(); err != nil {
		trouble = errors.Join(trouble, err)
	}
	var err error
	if d.seen.reports, err = d.node.reports(); err != nil {
		trouble = errors.Join(trouble, err)
	}
	if n := d.net.Truth().Overload(); n > 0 {
		trouble = errors.Join(trouble, fmt.Errorf("the private network itself dropped %d packets: this machine was too busy for a drill, try again", n))
	}
	d.seen.over = true
	d.tell()
	return d.result(trouble), nil
}

// warm waits until the node has heard of all targets for some seconds and
// has learnt the path to each.
func (d *Drill) warm(ctx context.Context) error {
	most := d.Now().Add(warmMost)
	return d.until(ctx, func() (bool, error) {
		st, err := d.node.watchState()
		if err != nil {
			return false, err
		}
		heard := 0
		if st != nil {
			for _, t := range st.Targets {
				if t.State == spool.TargetOK && t.Sent >= warmPings {
					heard++
				}
			}
		}
		learnt := d.learnt()
		d.wait("the watchdog gets to know its targets: %d of %d heard, %d of %d paths learnt", heard, targets, learnt, targets)
		if heard >= targets && learnt >= targets {
			d.seen.ready = true
			d.tell()
			return true, nil
		}
		if d.Now().After(most) {
			return false, fmt.Errorf("within %s mtrq run heard of %d of the %d targets and learnt %d of their paths: %s",
				warmMost, heard, targets, learnt, d.node.lastWords())
		}
		return false, nil
	})
}

// learnt counts the targets that a round which learns the path has reached,
// by the network's log.
func (d *Drill) learnt() int {
	reached := map[int]bool{}
	for r := range d.net.Truth().Records() {
		if r.Target >= 0 && r.Answer == lab.EchoReply && (r.Size == learnSize || isTrace(&r)) {
			reached[r.Target] = true
		}
	}
	return len(reached)
}
