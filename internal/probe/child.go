package probe

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// start runs an mtr-packet and waits until it has said what it can do. It
// blocks, must be called on a thread that lives as long as the child
// (Pdeathsig), and in the network namespace of the probes.
func start(path string, env []string) (*process, error) {
	p := &process{errs: &tail{}, claim: -1}
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		_, _ = inR.Close(), inW.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	p.stdin, p.stdout = inW, outR
	p.cmd = exec.Command(path)
	p.cmd.Args[0] = "mtr-packet"
	p.cmd.Env = append([]string{"LC_ALL=C"}, env...) // MTR_OPTIONS and the like stay out
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = inR, outW, p.errs
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = p.cmd.Start()
	_, _ = inR.Close(), outW.Close() // the child's
	if err == nil {
		p.rawIn, err = inW.SyscallConn()
	}
	if err != nil {
		_, _ = inW.Close(), outR.Close()
		return nil, startError(path, err)
	}
	return p, nil
}

// startError sorts what went wrong into what an operator can do about it.
func startError(path string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("start %s: %w: install mtr (package mtr or mtr-tiny)", path, ErrMissing)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("start %s: %w: it needs CAP_NET_RAW: run as root, or with AmbientCapabilities=CAP_NET_RAW", path, ErrPermission)
	}
	return fmt.Errorf("start %s: %w: %w", path, ErrProcess, err)
}

// end stops the child and gives back all it had. It waits for it.
func (p *process) end() (err error) {
	if p.cmd.Process != nil && p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		err = p.cmd.Wait()
	}
	_, _ = p.stdin.Close(), p.stdout.Close()
	if p.claim >= 0 {
		_ = unix.Close(p.claim)
		p.claim = -1
	}
	return err
}

// greet asks what the process can do, and makes it pass over the sequence
// numbers that are not for it.
func (p *process) greet(lines *lineReader, timeout time.Duration) error {
	var b []byte
	b = fmt.Appendf(b, "%d check-support feature version\n", tokenAsk)
	for i, name := range featureNames {
		b = fmt.Appendf(b, "%d check-support feature %s\n", tokenAsk+1+i, name)
	}
	deadline := time.Now().Add(timeout)
	if err := errors.Join(p.stdin.SetWriteDeadline(deadline), p.stdout.SetReadDeadline(deadline)); err != nil {
		return fmt.Errorf("ask mtr-packet for its features: %w: %w", ErrProcess, err)
	}
	if err := p.ask(b, len(featureNames)+1, lines, true); err != nil {
		return err
	}
	burn := otherFirst - firstSequence
	p.life = otherLife
	if p.tcp {
		burn, p.life = p.lane*tcpLaneSize, tcpLife
	}
	one := appendBurn(nil, p.features)
	const together = 500 // fits into a pipe, as do their answers
	for ; burn > 0; burn -= together {
		b = b[:0]
		for range min(burn, together) {
			b = append(b, one...)
		}
		if err := p.ask(b, min(burn, together), lines, false); err != nil {
			return err
		}
	}
	if err := errors.Join(p.stdin.SetWriteDeadline(time.Time{}), p.stdout.SetReadDeadline(time.Time{})); err != nil {
		return fmt.Errorf("ask mtr-packet for its features: %w: %w", ErrProcess, err)
	}
	p.free = make([]uint16, slots)
	for i := range p.free {
		p.free[i] = uint16(slots - 1 - i)
	}
	return nil
}

// ask writes lines and reads n answers.
func (p *process) ask(b []byte, n int, lines *lineReader, features bool) error {
	if _, err := p.stdin.Write(b); err != nil {
		return p.greetError(err)
	}
	for n > 0 {
		line, err := lines.next()
		if err != nil {
			return p.greetError(err)
		}
		a, err := parseAnswer(line)
		if err != nil {
			return p.greetError(err)
		}
		n--
		if !features || a.kind != answerFeature {
			continue
		}
		switch i := int(a.token) - tokenAsk - 1; {
		case i == -1:
			p.features.Version = a.text
		case i >= 0 && i < len(featureNames) && a.text == "ok":
			p.features.names = append(p.features.names, featureNames[i])
		}
	}
	if features && p.features.Version == "" {
		return p.greetError(errors.New("it has no check-support (older than 0.86)"))
	}
	return nil
}

// greetError adds what the child wrote to stderr, once that is complete.
func (p *process) greetError(err error) error {
	_ = p.cmd.Process.Kill()
	werr := p.cmd.Wait()
	said := p.errs.String()
	kind := ErrProcess
	if strings.Contains(said, "ailure to open") || strings.Contains(said, "not permitted") || strings.Contains(said, "ermission denied") {
		kind = ErrPermission
		said += ": it needs CAP_NET_RAW: run as root, or with AmbientCapabilities=CAP_NET_RAW (NoNewPrivileges voids file capabilities)"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, unix.EPIPE) {
		err = fmt.Errorf("it ended (%w)", werr)
		if werr == nil {
			err = errors.New("it ended")
		}
	}
	if said != "" {
		return fmt.Errorf("ask mtr-packet for its features: %w: %w: %s", kind, err, said)
	}
	return fmt.Errorf("ask mtr-packet for its features: %w: %w", kind, err)
}

// tail keeps the beginning of what a child says on stderr.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 512 - len(t.buf); room > 0 {
		t.buf = append(t.buf, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(strings.Fields(strings.ToValidUTF8(string(t.buf), "?")), " ")
}
