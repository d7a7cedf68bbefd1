package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// A Claim is a job in hand: it lies in cur/ until one of Finish, Return and
// Bad ends the claim.
type Claim struct {
	ID      ulid.ULID
	Job     Job // as it was accepted; what it leaves open is for the runner to fill in
	Attempt int // 1 for the first time it is claimed

	q     *Queue
	file  string     // in cur/; empty for a job of a batch
	batch *heldBatch // nil for a job of its own; guarded by q.mu

	mu   sync.Mutex
	sent bool
	torn bool // the events end in the middle of a line
	over bool
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

// append opens the file for each call: 500 traces at once then need no 500
// descriptors, and an open costs a few microseconds once a second.
func (c *Claim) append(lines []byte) error {
	f, err := os.OpenFile(c.EventsPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	data := lines
	if c.torn {
		data = append([]byte{'\n'}, lines...)
	}
	n, err := f.Write(data)
	if err != nil {
		if undo := f.Truncate(fi.Size()); undo != nil && n > 0 {
			c.torn = true
			c.sent = c.sent || hasProbe(data[:n])
		}
		return errors.Join(err, f.Close())
	}
	c.torn = false
	c.sent = c.sent || hasProbe(lines)
	return f.Close()
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
	if err := c.end(nil); err != nil {
		return fmt.Errorf("finish job %s: %w", c.ID, err)
	}
	// Events first: a job without events is traced again at worst, events
	// without their job would be evidence that nobody can place.
	err := removeIfThere(c.EventsPath())
	if err == nil && c.file != "" {
		err = removeIfThere(c.q.s.path("cur", c.file))
	}
	if err != nil {
		c.reopen()
		return fmt.Errorf("finish job %s: %w", c.ID, explain(err))
	}
	return c.q.over(c, false)
}

// Return gives a job of which no probe was sent back to new/, its attempts
// counted; after MaxAttempts it goes to bad/ with this reason. A job of a batch is offered
// again by the next Claim. Without a sync: after a power cut it is found in
// cur/ and given back by recovery.
func (c *Claim) Return(reason string) error {
	err := c.end(func() error {
		if c.sent {
			return errors.New("probes were sent: write its report instead")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("return job %s: %w", c.ID, err)
	}
	if c.Attempt >= MaxAttempts {
		c.reopen()
		return c.Bad(fmt.Sprintf("given back %d times, the last time because: %s", c.Attempt, reason))
	}
	err = removeIfThere(c.EventsPath())
	if err == nil && c.file != "" {
		err = moveNew(c.q.s.path("cur", c.file), c.q.s.path("new", fileName(c.ID, c.Attempt, kindJob)))
	}
	if err != nil {
		c.reopen()
		return fmt.Errorf("return job %s: %w", c.ID, explain(err))
	}
	return c.q.over(c, true)
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
	return c.q.over(c, false)
}

func (c *Claim) bad(reason string) error {
	s := c.q.s
	from := c.file
	if from == "" {
		// A line of a batch gets a file of its own, durable before the batch
		// may be removed.
		from = fileName(c.ID, 0, kindJob)
		data, err := c.Job.Encode()
		if err != nil {
			return err
		}
		if err := removeIfThere(s.path("tmp", from)); err != nil { // of an attempt that failed
			return err
		}
		if err := writeDurable(s.path("tmp", from), 0o600, data); err != nil {
			return err
		}
		if err := s.toBad("tmp", from, from, reason); err != nil {
			return err
		}
		if err := s.sync("bad", "tmp"); err != nil {
			return err
		}
	} else if err := s.toBad("cur", from, from, reason); err != nil {
		return err
	}
	s.note(Note{What: NoteBad, ID: c.ID, File: "bad/" + from, Text: reason})
	events := fileName(c.ID, 0, kindEvents)
	if err := moveNew(s.path("cur", events), s.path("bad", events)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
