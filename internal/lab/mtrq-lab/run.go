package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
)

// runner is one run of the command inside a network.
type runner struct {
	Targets int
	Seed    uint64
	Hops    string
	Limits  []string
	Events  []string
	Truth   string // file; "" is none
	Print   bool
	Args    []string
}

// run returns the command's exit code.
func (r *runner) run(ctx context.Context) (code int, err error) {
	if len(r.Args) == 0 && !r.Print {
		return 0, errors.New("no command given: mtrq-lab [FLAGS] -- COMMAND [ARGUMENT...]")
	}
	cfg := lab.Config{Targets: r.Targets, Seed: r.Seed}
	if cfg.HopsMin, cfg.HopsMax, err = parseHops(r.Hops); err != nil {
		return 0, err
	}
	// From here on a signal must not end this process before the command and the truth.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(signals)
	n, err := lab.Start(cfg)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	for _, l := range r.Limits {
		if _, err := n.Change("limit " + l); err != nil {
			return 0, err
		}
	}
	var events []lab.ScriptEvent
	for _, line := range r.Events {
		e, err := n.ParseEvent(line)
		if err != nil {
			return 0, err
		}
		events = append(events, e)
	}
	if r.Print {
		if err := printTargets(n); err != nil {
			return 0, err
		}
	}
	if len(r.Args) == 0 {
		return 0, nil
	}
	code, err = r.inside(ctx, n, events, signals)
	if r.Truth != "" {
		err = errors.Join(err, writeTruth(n, r.Truth))
	}
	if lost := n.Truth().Overload(); lost > 0 {
		err = errors.Join(err, fmt.Errorf("the simulated network itself dropped %d packets: the machine is too slow for this rate", lost))
	}
	return code, err
}

// inside runs the command while the script runs beside it.
func (r *runner) inside(ctx context.Context, n *lab.Net, events []lab.ScriptEvent, signals <-chan os.Signal) (int, error) {
	dir, err := os.MkdirTemp("", "mtrq-lab-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "targets")
	var list strings.Builder
	for i := range n.Targets() {
		fmt.Fprintln(&list, n.Target(i).Addr4)
	}
	// Readable for whomever the command becomes.
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(file, []byte(list.String()), 0o644)); err != nil {
		return 0, err
	}
	cmd := n.Space().Command(ctx, r.Args[0], r.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "MTRQ_LAB_TARGETS_FILE="+file, "MTRQ_LAB_TARGET="+n.Target(0).Addr4.String())
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", r.Args[0], err)
	}
	scriptCtx, stop := context.WithCancel(ctx)
	var script sync.WaitGroup
	script.Go(func() { _ = n.Script(scriptCtx, events) }) // its only error is that the command ended first
	defer script.Wait()
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	_, noTerminal := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS)
	for {
		select {
		case err := <-ended:
			return lab.ExitCode(err), nil
		case s := <-signals:
			// A terminal sends these to the command too; twice would be a demand to end at once.
			if noTerminal == nil && (s == unix.SIGINT || s == unix.SIGQUIT) {
				continue
			}
			_ = cmd.Process.Signal(s.(syscall.Signal)) // it may just have ended: Wait tells
		}
	}
}

// parseHops reads "12" or "8-15".
func parseHops(s string) (lowest, highest int, err error) {
	if n, _ := fmt.Sscanf(s, "%d-%d", &lowest, &highest); n == 1 {
		highest = lowest
	}
	if lowest < 1 || highest < lowest || s != fmt.Sprint(lowest) && s != fmt.Sprintf("%d-%d", lowest, highest) {
		return 0, 0, fmt.Errorf("hops %q: want a number or a range such as 8-15", s)
	}
	return lowest, highest, nil
}

// printTargets writes a line for each target: number, addresses, then the routers on the way with their IDs.
func printTargets(n *lab.Net) error {
	out := bufio.NewWriter(os.Stdout)
	for i := range n.Targets() {
		t := n.Target(i)
		fmt.Fprintf(out, "%d\t%s\t%s", i, t.Addr4, t.Addr6)
		for ttl := 1; ttl < t.TTL(); ttl++ {
			fmt.Fprintf(out, "\t%d:%s", t.Router(ttl), n.Router(t.Router(ttl)).Addr4)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}

func writeTruth(n *lab.Net, file string) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write the truth: %w", err)
	}
	return errors.Join(n.Truth().WriteJSONL(f), f.Close())
}
