package spool_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
)

// init keeps a helper's main goroutine on the main thread: strace counts
// system calls per thread, and only here can the thread be chosen.
func init() {
	if os.Getenv("SPOOL_TEST_CHILD") == "life" {
		runtime.LockOSThread()
	}
}

// ledger is the outside world of a life: what was acknowledged to senders, on
// another filesystem than the spool, and the reports.
type ledger struct {
	acks     *os.File
	archive  string
	returned bool // the job that is to be given back, in this life
}

// ack notes that a sender was told so.
func (l *ledger) ack(id ulid.ULID, err error) {
	if err == nil {
		_, err = l.acks.WriteString(id.String() + "\n")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // the sender was told no
	}
}

// report writes a report as durably as the archive does; a second one for the
// same job is an error.
func (l *ledger) report(id ulid.ULID) error {
	tmp := filepath.Join(l.archive, "."+id.String())
	f, err := os.Create(tmp)
	if err != nil {
		return err
	}
	_, err = f.WriteString("a report\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	path := filepath.Join(l.archive, id.String())
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("job %s is reported twice", id)
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	d, err := os.Open(l.archive)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (l *ledger) has(id ulid.ULID) bool {
	_, err := os.Lstat(filepath.Join(l.archive, id.String()))
	return err == nil
}

// childLife is one life of a sender and a runner on one spool: it takes every
// way that a job can go. It is killed at any of its system calls.
func childLife(dir, archive, acks string) error {
	f, err := os.OpenFile(acks, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	l := &ledger{acks: f, archive: archive}
	s, err := spool.Open(dir, spool.Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, reason := range []string{"finish", "return", "bad"} {
		l.ack(s.Submit(ctx, spool.Job{Target: "203.0.113.7", Reason: reason}))
	}
	ids, err := s.SubmitBatch(ctx, spool.Job{Reason: "finish"}, []string{"203.0.113.8", "203.0.113.9"})
	for _, id := range ids {
		l.ack(id, err)
	}
	l.ack(s.SubmitDrop(ctx, spool.Job{Target: "203.0.113.10", Reason: "finish"}))

	q, err := s.Lock()
	if err != nil {
		return err
	}
	if _, err := q.Recover(l.has); err != nil {
		return err
	}
	for range 2 { // what is given back is claimed again
		if err := runAll(q, l); err != nil {
			return err
		}
	}
	return q.Close()
}

func runAll(q *spool.Queue, l *ledger) error {
	claims, err := q.Claim(l.has, 100)
	if err != nil {
		return err
	}
	for _, c := range claims {
		if err := c.Append([]byte(`{"e":"start"}` + "\n")); err != nil {
			return err
		}
		switch {
		case c.Job.Reason == "return" && !l.returned:
			l.returned = true
			err = c.Return()
		case c.Job.Reason == "bad":
			err = c.Bad("asked for")
		default:
			err = trace(c, l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func trace(c *spool.Claim, l *ledger) error {
	if err := c.Append([]byte(probeLine)); err != nil {
		return err
	}
	if err := l.report(c.ID); err != nil {
		return err
	}
	return c.Finish()
}

// afterlife recovers what a life left and runs it to the end, then compares
// with the promise: every acknowledged job has exactly one report or lies in
// bad/ with a reason, and nothing else is left but in tmp/, where what a dead sender
// left looks as what a living one writes. It comes seconds later.
func afterlife(t *testing.T, what, dir, archive, acks string) {
	t.Helper()
	l := &ledger{archive: archive}
	var said notes
	s, err := spool.Open(dir, spool.Options{
		Note: said.add,
		Now:  later,
	})
	check(t, err)
	q, err := s.Lock()
	check(t, err)
	r, err := q.Recover(l.has)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, c := range r.Interrupted {
		if !c.Sent() || c.Job.Target == "" {
			t.Errorf("%s: interrupted %+v without a probe or job", what, c)
		}
		if err := errors.Join(l.report(c.ID), c.Finish()); err != nil {
			t.Errorf("%s: interrupted: %v", what, err)
		}
	}
	for range spool.MaxAttempts {
		if err := runAll(q, l); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check(t, q.Close())

	told, err := os.ReadFile(acks)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, text := range strings.Fields(string(told)) {
		id := ulid.MustParse(text)
		p, err := s.Where(id)
		check(t, err)
		if bad := p.State == spool.StateBad && p.Reason != ""; bad == l.has(id) {
			t.Errorf("%s: acknowledged %s: reported %v, in the spool %+v", what, id, l.has(id), p)
		}
	}
	for _, file := range tree(t, s, nil) {
		hidden := strings.HasPrefix(filepath.Base(file), ".")
		ofASender := strings.HasPrefix(file, "tmp/") && !strings.HasSuffix(file, ".intake")
		if !strings.HasPrefix(file, "bad/") && !(hidden && strings.HasPrefix(file, "drop/")) && !ofASender {
			t.Errorf("%s: %s is left", what, file)
		}
		if job, isReason := strings.CutSuffix(file, ".reason"); ofASender {
			continue
		} else if isReason {
			if _, err := os.Lstat(filepath.Join(dir, job)); err != nil {
				t.Errorf("%s: %s explains nothing", what, file)
			}
		} else if strings.HasPrefix(file, "bad/") && strings.HasSuffix(file, ".job") {
			if _, err := os.Lstat(filepath.Join(dir, file+".reason")); err != nil {
				t.Errorf("%s: %s has no reason", what, file)
			}
		}
	}
}
