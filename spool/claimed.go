package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/oklog/ulid/v2"
)

// A Claim is a job in hand: it lies in cur/ until one of Finish, Return and
// Bad ends the claim.
type Claim struct {
	ID      ulid.ULID
	Job     Job // as it was accepted; what it leaves open is for the runner to fill in
	Attempt int // 1 for the first time; one more for each runner that died before a probe

	// Joined, of Recovery.Interrupted, is the job whose trace served this one
	// too: its events say so, and one report answers both. Zero: its own.
	Joined ulid.ULID

	q     *Queue
	file  string     // in cur/; empty for a job of a batch
	batch *heldBatch // nil for a job of its own; guarded by q.mu

	mu   sync.Mutex
	sent bool
	torn bool // the events end in the middle of a line
	over bool

	// inBad: Bad failed when the job lay in bad/ already. It may be tried
	// again; nothing else may become of the job.
	inBad bool
}

// Batch gives the ID of the batch that holds the job; false for a job of its
// own.
func (c *Claim) Batch() (ulid.ULID, bool) {
	c.q.mu.Lock()
	defer c.q.mu.Unlock()
	if c.batch == nil {
		return ulid.ULID{}, false
	}
	return c.batch.id, true
}

// EventsPath is where the events of the job are. The file may not exist yet.
func (c *Claim) EventsPath() string {
	return c.q.s.path("cur", fileName(c.ID, 0, kindEvents))
}

// Sent says whether the events hold a probe. Such a job must be reported and
// cannot be returned.
func (c *Claim) Sent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// Last says that the job goes to bad/ if the runner dies once more before a
// probe: it may be what runners die of.
func (c *Claim) Last() bool { return c.Attempt >= MaxAttempts }

// Append adds whole lines to the events. It does not sync: what a crash of
// this process leaves is enough. When it fails nothing of lines is in the file, or only a torn
// end that the next Append closes with a line break, so that no good line
// ever follows a torn one on the same line.
func (c *Claim) Append(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if lines[len(lines)-1] != '\n' {
		return fmt.Errorf("append events of job %s: the last line has no end", c.ID)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return fmt.Errorf("append events of job %s: the claim is over", c.ID)
	}
	if err := c.append(lines); err != nil {
		return fmt.Errorf("append events of job %s: %w", c.ID, explain(err))
	}
	return nil
}

func (c *Claim) append(lines []byte) error {
	data := lines
	if c.torn {
		data = append([]byte{'\n'}, lines...)
	}
	left, err := c.q.s.fs.appendTo(c.EventsPath(), data)
	if err != nil {
		if left > 0 {
			c.torn = true
			c.sent = c.sent || hasProbe(data[:left])
		}
		return err
	}
	c.torn = false
	c.sent = c.sent || hasProbe(lines)
	return nil
}

// end marks the claim as over; it fails the second time.
func (c *Claim) end(check func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errors.New("the claim is over already")
	}
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	c.over = true
	return nil
}

func (c *Claim) notInBad() error {
	if c.inBad {
		return errors.New("it lies in bad/, which could not be made durable: call Bad again")
	}
	return nil
}

// reopen makes the claim usable again after a failed end.
func (c *Claim) reopen() {
	c.mu.Lock()
	c.over = false
	c.mu.Unlock()
}

// Finish takes the job out of the spool: its report is durable in the
// archive. It does not sync; a job that comes back after a power cut has a
// report and is removed by recovery.
func (c *Claim) Finish() error {
	if err := c.end(c.notInBad); err != nil {
		return fmt.Errorf("finish job %s: %w", c.ID, err)
	}
	// Events first: a job without events is traced again at worst, events
	// without their job would be evidence that nobody can place.
	err := c.q.s.fs.remove(c.EventsPath())
	if err == nil && c.file != "" {
		err = c.q.s.fs.remove(c.q.s.path("cur", c.file))
	}
	if err != nil {
		c.reopen()
		return fmt.Errorf("finish job %s: %w", c.ID, explain(err))
	}
	return c.q.over(c)
}

// Return gives a job of which no probe was sent back to new/. It is no attempt:
// the runner did not die of it. A job of a batch is offered
// again by the next Claim. Without a sync: after a power cut it is found in
// cur/ and given back by recovery.
func (c *Claim) Return() error {
	err := c.end(func() error {
		if c.sent {
			return errors.New("probes were sent: write its report instead")
		}
		return c.notInBad()
	})
	if err != nil {
		return fmt.Errorf("return job %s: %w", c.ID, err)
	}
	c.q.mu.Lock() // a Claim meanwhile would find in new/ what is still held
	defer c.q.mu.Unlock()
	err = c.q.s.fs.remove(c.EventsPath())
	if err == nil && c.file != "" {
		err = c.q.s.fs.move(c.q.s.path("cur", c.file), c.q.s.path("new", c.file))
	}
	if err != nil {
		c.reopen()
		return fmt.Errorf("return job %s: %w", c.ID, explain(err))
	}
	c.q.returned(c)
	return nil
}

// Bad puts the job into bad/ with a reason (one line) beside it, and its
// events too.
func (c *Claim) Bad(reason string) error {
	if err := c.end(nil); err != nil {
		return fmt.Errorf("put job %s into bad: %w", c.ID, err)
	}
	if err := c.bad(reason); err != nil {
		c.reopen()
		return fmt.Errorf("put job %s into bad: %w", c.ID, explain(err))
	}
	// From here on the job lies in bad/: the claim is over, whatever becomes of
	// its events. Those that cannot follow now are moved by the next recovery.
	s, events := c.q.s, fileName(c.ID, 0, kindEvents)
	if err := s.fs.move(s.path("cur", events), s.path("bad", events)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.note(Note{What: NoteLeft, ID: c.ID, File: "cur/" + events, Text: explain(err).Error()})
	}
	return c.q.over(c)
}

// ownFile writes a line of a batch as a job of its own into bad/.
func (c *Claim) ownFile(file, reason string) error {
	s := c.q.s
	data, err := c.Job.Encode()
	if err != nil {
		return err
	}
	if err := s.fs.remove(s.path("tmp", file)); err != nil { // of an attempt that failed
		return err
	}
	if err := s.fs.write(s.path("tmp", file), 0o600, data); err != nil {
		return err
	}
	return s.toBad("tmp", file, file, reason)
}

func (c *Claim) bad(reason string) error {
	s := c.q.s
	from := c.file
	if from == "" {
		// A line of a batch gets a file of its own, durable before the batch
		// may be removed.
		from = fileName(c.ID, 0, kindJob)
		if !c.inBad {
			if err := c.ownFile(from, reason); err != nil {
				return err
			}
			c.inBad = true
		}
		if err := s.sync("bad", "tmp"); err != nil {
			return err
		}
	} else if err := s.toBad("cur", from, from, reason); err != nil {
		return err
	}
	s.note(Note{What: NoteBad, ID: c.ID, File: "bad/" + from, Text: reason})
	return nil
}
