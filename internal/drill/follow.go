package drill

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// rehearse loses packets and follows what becomes of it, until the targets
// were seen to answer again.
func (d *Drill) rehearse(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var events []lab.ScriptEvent
	for _, line := range []string{
		fmt.Sprintf("0s %s forward %g%% for %s", change(d.plan.link), d.plan.percent, LossLasts),
		fmt.Sprintf("%s %s forward %g%% for %s", otherAfter, change(d.plan.otherLink), d.plan.otherPercent, LossLasts),
	} {
		e, err := d.net.ParseEvent(line)
		if err != nil {
			return err
		}
		events = append(events, e)
	}
	var script sync.WaitGroup
	script.Go(func() { _ = d.net.Script(ctx, events) }) // its only error is that the drill ended first
	defer script.Wait()
	defer cancel()
	most := d.Now().Add(otherAfter + LossLasts + backMost)
	return d.until(ctx, func() (bool, error) {
		if err := d.look(); err != nil {
			return false, err
		}
		loss, other := d.tell()
		d.sayWait(loss)
		late := d.Now().After(most) // what is missing by then is told as missing
		return late || settled(loss, LossEnds, Answers) && settled(other, OtherEnds), nil
	})
}

// change is how the network's log names a loss of a link.
func change(l lab.LinkID) string { return "loss link=" + strconv.Itoa(int(l)) }

func settled(ms []Milestone, names ...Name) bool {
	left := len(names)
	for _, m := range ms {
		for _, n := range names {
			if m.Name == n && m.State != Pending {
				left--
			}
		}
	}
	return left == 0
}

// until asks step many times a second, until it is done. A node that ends
// meanwhile is an error.
func (d *Drill) until(ctx context.Context, step func() (done bool, err error)) error {
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		if done, err := step(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-d.node.ended:
			return d.node.died()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// look reads the network's log and the node's files.
func (d *Drill) look() error {
	s, p, truth := &d.seen, d.plan, d.net.Truth()
	events := truth.Events()
	s.loss, s.other = spanOf(events, change(p.link)+" "), spanOf(events, change(p.otherLink)+" ")
	behind := map[int]bool{}
	for _, i := range p.behind {
		behind[i] = true
	}
	s.sent = sentDuring(truth.Records(), func(target int) span {
		switch {
		case behind[target]:
			return s.loss
		case target == p.other:
			return s.other
		}
		return span{}
	}, p.length)
	incidents, err := d.node.incidents()
	if err != nil {
		return err
	}
	now := d.Now()
	for _, inc := range incidents {
		if _, known := s.onDisk[inc.ID]; !known {
			s.onDisk[inc.ID] = now
		}
		place, ok := named(inc)
		right, links := place.holds(p.paths[p.behind[0]], p.ttl)
		switch _, was := s.right[inc.ID]; {
		case !ok || !right || links > narrow:
			delete(s.right, inc.ID)
		case !was:
			s.right[inc.ID] = now
		}
	}
	s.incidents = incidents
	return nil
}

// tell passes on what has been decided since, each track in its order.
func (d *Drill) tell() (loss, other []Milestone) {
	loss, other = d.plan.milestones(&d.seen)
	for _, track := range [][]Milestone{loss, other} {
		for _, m := range track {
			if m.State == Pending {
				break
			}
			if was := d.told[m.Name]; was != m.State && m.State != NotHeld && d.Tell != nil {
				d.Tell(m)
			}
			d.told[m.Name] = m.State
		}
	}
	return loss, other
}

// sayWait says what comes next.
func (d *Drill) sayWait(ms []Milestone) {
	for _, m := range ms {
		if m.State == Pending && !d.seen.loss.from.IsZero() {
			d.wait("waiting: %s, %.0f s since the loss began", m.Name, d.Now().Sub(d.seen.loss.from).Seconds())
			return
		}
	}
}

func (d *Drill) wait(format string, args ...any) {
	if d.Wait != nil {
		d.Wait(fmt.Sprintf(format, args...))
	}
}
