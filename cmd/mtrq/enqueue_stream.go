package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/spool"
)

// enqueuing is one call of mtrq enqueue.
type enqueuing struct {
	c     *cli.Context
	cfg   *config.Config
	job   spool.Job
	spool *spool.Spool // nil until there is something to put into it

	all, bad int // targets so far
	accepted int
	ids      []ulid.ULID // with --wait: of all that were accepted
	told     bool        // that nobody traces
}

// group makes targets that are there together durable together, and prints
// their IDs.
func (e *enqueuing) group(lines []line) error {
	good, bad := sift(e.job, lines)
	e.all, e.bad = e.all+len(lines), e.bad+len(bad)
	for _, b := range bad {
		fmt.Fprintf(e.c.App.ErrWriter, "mtrq: error: %s\n", b)
	}
	if len(good) == 0 {
		return nil
	}
	if e.spool == nil {
		sp, err := openSpool(e.cfg, nil)
		if err != nil {
			return err
		}
		e.spool = sp
	}
	ids, err := submit(e.c.Context, e.spool, e.job, good)
	e.accepted += len(ids)
	if e.c.Bool("wait") {
		e.ids = append(e.ids, ids...)
		return err
	}
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(id.String())
		out.WriteByte('\n')
	}
	if _, werr := io.WriteString(e.c.App.Writer, out.String()); werr != nil {
		err = errors.Join(err, fail(exitIO, fmt.Errorf("print the IDs of %d jobs, which are accepted: %w", len(ids), werr), ""))
	}
	if st, tracing, why := e.spool.RunState(time.Now()); !tracing && len(ids) > 0 && !e.told {
		e.told = true
		note(e.c, "accepted, and waiting in %s: nobody is tracing (%s)", e.spool.Dir(), why)
		note(e.c, "hint: %s", nobodyHint(st))
	}
	return err
}

// notValid says how many targets were refused, each of which is told already.
func (e *enqueuing) notValid() error {
	if e.bad == 0 {
		return nil
	}
	others := "the others were accepted"
	if e.bad == e.all {
		others = "nothing was accepted"
	}
	return fail(exitData, fmt.Errorf("%d of %d targets are not valid; %s", e.bad, e.all, others),
		"a target is an IP address or a host name, without port, slash or spaces")
}

// soFar adds to an error what was accepted before it. With --wait nothing has
// named those jobs yet.
func (e *enqueuing) soFar(err error) error {
	if e.accepted == 0 {
		return err
	}
	for _, id := range e.ids {
		fmt.Fprintf(e.c.App.ErrWriter, "mtrq: job %s is accepted\n", id)
	}
	code, hint := classify(err)
	return fail(code, fmt.Errorf("%w (%d targets were accepted before that)", err, e.accepted), hint)
}

// line is a target and where it stood.
type line struct {
	where  string
	target string
}

// eachGroup calls do with the targets: those of the arguments together, and
// of standard input always as many as are there, without waiting for more.
func eachGroup(c *cli.Context, do func([]line) error) error {
	var group []line
	flush := func() error {
		g := group
		group = nil
		if len(g) == 0 {
			return nil
		}
		return do(g)
	}
	for i, a := range c.Args().Slice() {
		if a != "-" {
			group = append(group, line{fmt.Sprintf("argument %d", i+1), a})
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		n, err := readGroups(c.App.Reader, do)
		if err != nil {
			return err
		}
		if n == 0 {
			fmt.Fprintln(c.App.ErrWriter, "mtrq: standard input held no target")
		}
	}
	return flush()
}

// readAhead is how much of standard input makes one group at most: a file of
// 10,000 targets is read, and made durable, at once.
const readAhead = 1 << 20

// readGroups reads targets, one a line, and calls do whenever it would have to wait
// for more. It gives how many there were.
func readGroups(r io.Reader, do func([]line) error) (targets int, err error) {
	in := bufio.NewReaderSize(r, readAhead)
	var group []line
	for n := 1; ; n++ {
		text, err := readLine(in)
		if text = targetIn(text, n); text != "" {
			group = append(group, line{fmt.Sprintf("line %d", n), text})
			targets++
		}
		if len(group) > 0 && (err != nil || len(group) >= spool.MaxBatch || !wholeLine(in)) {
			if err := do(group); err != nil {
				return targets, err
			}
			group = nil
		}
		if errors.Is(err, io.EOF) {
			return targets, nil
		}
		if err != nil {
			return targets, fail(exitIO, fmt.Errorf("read targets from standard input: %w", err), "")
		}
	}
}

// readLine reads one line. Of one too long for any target the beginning is
// kept, which is as wrong.
func readLine(in *bufio.Reader) (string, error) {
	raw, err := in.ReadSlice('\n')
	text := string(raw[:min(len(raw), 4096)])
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return strings.TrimRight(text, "\r\n"), err
}

// wholeLine says that another line can be read without waiting.
func wholeLine(in *bufio.Reader) bool {
	ahead, err := in.Peek(in.Buffered())
	return err == nil && bytes.IndexByte(ahead, '\n') >= 0
}

// targetIn is what a line holds beside white space and comments.
func targetIn(text string, n int) string {
	if n == 1 {
		text = strings.TrimPrefix(text, "\ufeff") // some editors' mark of UTF-8
	}
	text, _, _ = strings.Cut(text, "#")
	return strings.TrimSpace(text)
}
