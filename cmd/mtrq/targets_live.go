package main

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// drawEvery is how often the live table is drawn anew; a watchdog says
// nothing new in less.
const drawEvery = time.Second

// watchTargets draws the targets anew each second, until the user has seen
// enough. The last picture stays.
func watchTargets(c *cli.Context, l targetsLook) error {
	v, err := l.see(time.Now())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	changed := make(chan os.Signal, 4)
	signal.Notify(changed, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT)
	defer signal.Stop(changed)
	k := openKeys()
	defer k.close()

	s := &screen{w: c.App.Writer}
	cursor := func(how string) { fmt.Fprint(c.App.Writer, "\x1b[?25"+how) } // l hides it, h shows it
	cursor("l")
	defer cursor("h")
	ink := mayColour(c.App.Writer)
	draw := func(keys bool) {
		v.keys = keys
		width, height := s.size()
		s.draw(v.text(width-1, height-1, ink))
	}
	beat := time.NewTicker(drawEvery)
	defer beat.Stop()
	for {
		draw(k.tty != nil)
		select {
		case <-ctx.Done():
			draw(false)
			return v.wrong
		case <-k.quit:
			draw(false)
			return v.wrong
		case sig := <-changed:
			switch sig {
			case syscall.SIGTSTP: // the shell gets the terminal as it was
				cursor("h")
				k.leave()
				_ = unix.Kill(os.Getpid(), unix.SIGSTOP) // nobody may forbid us that
				continue
			case syscall.SIGCONT:
				cursor("l")
				k.listen()
			}
			// Lines that were drawn are wrapped otherwise now, or stand above
			// what the shell wrote: begin again.
			fmt.Fprint(c.App.Writer, "\x1b[H\x1b[2J")
			s.lines = 0
		case <-beat.C:
		}
		if w, err := l.see(time.Now()); err == nil {
			v = w
		} else {
			v.wrong = err
		}
	}
}

// keys listens for a q on the terminal.
type keys struct {
	quit  chan struct{} // closed by a q
	done  chan struct{} // the reader has ended
	tty   *os.File      // nil: there is no terminal to listen to
	saved *unix.Termios
}

// openKeys makes the terminal give each key at once and not show it. Ctrl-C
// and Ctrl-Z go on being signals.
func openKeys() *keys {
	k := &keys{quit: make(chan struct{}), done: make(chan struct{})}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return k // Ctrl-C ends it
	}
	k.tty = tty
	k.saved, err = k.mode()
	if err != nil {
		tty.Close() // only read from
		k.tty = nil
		return k
	}
	k.listen()
	go k.read()
	return k
}

func (k *keys) read() {
	defer close(k.done)
	buf := make([]byte, 64)
	for {
		n, err := k.tty.Read(buf)
		if bytes.ContainsAny(buf[:n], "qQ") {
			close(k.quit)
			return
		}
		if err != nil {
			return
		}
	}
}

func (k *keys) listen() {
	if k.tty == nil {
		return
	}
	m := *k.saved
	m.Lflag &^= unix.ICANON | unix.ECHO
	m.Cc[unix.VMIN], m.Cc[unix.VTIME] = 1, 0
	k.set(&m)
}

// close gives the terminal back as it was.
func (k *keys) close() {
	if k.tty == nil {
		return
	}
	k.leave()
	k.tty.Close() // only read from; this ends read
	<-k.done
}

func (k *keys) leave() {
	if k.tty != nil {
		k.set(k.saved)
	}
}

func (k *keys) mode() (m *unix.Termios, err error) {
	raw, err := k.tty.SyscallConn()
	if err != nil {
		return nil, err
	}
	ctl := raw.Control(func(fd uintptr) { m, err = unix.IoctlGetTermios(int(fd), unix.TCGETS) })
	if err == nil {
		err = ctl
	}
	return m, err
}

func (k *keys) set(m *unix.Termios) {
	raw, err := k.tty.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.IoctlSetTermios(int(fd), unix.TCSETS, m) }) // a terminal that is gone needs none
}
