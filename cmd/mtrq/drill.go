package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/drill"
	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/probe"
)

func drillCommand() *cli.Command {
	return &cli.Command{
		Name:  "drill",
		Usage: "rehearse a loss in a private network, and say whether it was captured",
		Description: `Makes a network of 20 targets inside this machine, lets mtrq watch them, loses
packets on one link for ten seconds, and compares what the watchdog wrote down
with what the network did: when the loss was noticed, when the first packet of a
trace left, when the whole path had been asked, and whether the right link was
named. A second target elsewhere loses 30 % meanwhile and must be told apart.
Then says whether rights, clock and disk of this machine are fine.

Takes about half a minute. No packet leaves the machine; spool, archive and
configuration of a real node are not touched, and nothing is left behind. Needs
root, or a kernel that lets users make namespaces. Times count from the moment at
which the network began to lose packets.

   mtrq drill                passed: exit code 0; what failed is said: 1
   mtrq drill --loss 60      a link that loses 60 % instead of everything
   mtrq drill --seed 7       another network
   mtrq drill --json         for programs: {"schema":1,"passed":true,…}`,
		Flags: []cli.Flag{
			&cli.Float64Flag{Name: "loss", Value: 100, Usage: fmt.Sprintf("`PERCENT` that the link loses, %d to 100", drill.LeastPercent)},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`NUMBER` of the network"},
			formatFlag("text", "json"), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			if loss := c.Float64("loss"); loss < drill.LeastPercent || loss > 100 {
				return usage("--loss %g: want %d to 100; less may not show within ten seconds", loss, drill.LeastPercent)
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			checks, err := drillChecks(c.Context, cfg)
			if err != nil {
				return err
			}
			if err := privateNetwork(checks); err != nil {
				return err
			}
			return holdDrill(c, cfg, checks, format)
		},
	}
}

// drillChecksVariable hands what was found of the machine to the drill
// inside a user namespace, where the machine looks otherwise.
const drillChecksVariable = "MTRQ_DRILL_CHECKS"

// drillChecks finds what check finds, as far as it only looks: opening a
// spool would make it. Without mtr-packet there is nothing to rehearse.
func drillChecks(ctx context.Context, cfg *config.Config) ([]drill.Check, error) {
	var out []drill.Check
	if given := os.Getenv(drillChecksVariable); given != "" {
		if err := json.Unmarshal([]byte(given), &out); err != nil {
			return nil, fmt.Errorf("read $%s: %w", drillChecksVariable, err)
		}
		return out, nil
	}
	found := append(checkProbing(ctx, cfg), checkPingSockets(cfg), checkClock(), checkWatcher(),
		checkDisk("spool", cfg.Spool.Dir, cfg), checkDisk("archive", cfg.Archive.Dir, cfg))
	for _, f := range found {
		if errors.Is(f.err, probe.ErrMissing) {
			return nil, fail(exitUnavailable, f.err, f.do)
		}
		ch := drill.Check{What: f.what, State: drill.CheckOK, Text: f.text, Do: f.do}
		switch {
		case f.err != nil:
			ch.State, ch.Text = drill.CheckFail, f.err.Error()
		case f.warn:
			ch.State = drill.CheckWarn
		}
		out = append(out, ch)
	}
	return out, nil
}

// checkDisk asks how much room there is where a directory is or would be
// made. It makes nothing.
func checkDisk(what, dir string, cfg *config.Config) finding {
	f := finding{what: what, text: dir}
	at := dir
	var st unix.Statfs_t
	err := unix.Statfs(at, &st)
	for errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		err = unix.Statfs(at, &st)
	}
	if err != nil {
		f.err, f.do = fmt.Errorf("ask for free space of %s: %w", at, err), "run as the user of the node, or name another directory"
		return f
	}
	if at != dir {
		f.text += ", which is not there yet"
	}
	if err := unix.Access(at, unix.W_OK); err != nil {
		f.warn, f.do = true, "run a node as the user who owns it, or as root"
		f.text += fmt.Sprintf(" (%s: %v)", at, err)
	}
	free := st.Bavail * uint64(st.Bsize)
	f.text += fmt.Sprintf(": %d MiB free", free>>20)
	switch {
	case free < uint64(cfg.Spool.ReserveBytes):
		f.err = fmt.Errorf("%s, fewer than are kept in reserve", f.text)
	case st.Files > 0 && st.Ffree < uint64(cfg.Spool.ReserveInodes):
		f.err = fmt.Errorf("%s, but only %d inodes, fewer than are kept in reserve", f.text, st.Ffree)
	}
	if f.err != nil {
		f.do = "free space, or lower [spool] reserve_bytes and reserve_inodes"
	}
	return f
}

const (
	rightsHint = "run it as root (sudo mtrq drill), or let users make namespaces: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), " +
		"kernel.unprivileged_userns_clone=1 (Debian), user.max_user_namespaces=10000 (RHEL); in a container: --cap-add SYS_ADMIN --cap-add NET_ADMIN --device /dev/net/tun"
	tunHint = "modprobe tun; in a container pass --device /dev/net/tun; a kernel without it cannot hold a drill"
)

// privateNetwork sees to it that a private network can be made: where this
// user may not, mtrq runs again as root of a user namespace and this process
// ends with its exit code.
func privateNetwork(checks []drill.Check) error {
	err := lab.Possible()
	if err == nil {
		return nil
	}
	if os.Geteuid() != 0 {
		given, jsonErr := json.Marshal(checks)
		if jsonErr != nil {
			return jsonErr
		}
		if err := os.Setenv(drillChecksVariable, string(given)); err != nil {
			return err
		}
		code, again := lab.Again()
		if again == nil {
			os.Exit(code) // all has been said
		}
		err = again
	}
	return noNetwork(err)
}

// noNetwork says what to do where no private network can be made.
func noNetwork(err error) error {
	err = fmt.Errorf("make a private network: %w", err)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) { // the latter: no user namespaces are allowed
		return fail(exitPermission, err, rightsHint)
	}
	return fail(exitUnavailable, err, tunHint)
}

func holdDrill(c *cli.Context, cfg *config.Config, checks []drill.Check, format string) error {
	// A pipe that nobody reads any more ends the drill in order too.
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	d := &drill.Drill{Percent: c.Float64("loss"), Seed: c.Uint64("seed"), MTRPacket: cfg.Run.MTRPacket, Now: time.Now}
	live := &screen{w: c.App.ErrWriter}
	if isTerminal(c.App.ErrWriter) {
		d.Wait = func(text string) { live.draw("  " + text) }
	}
	if format == "text" {
		d.Tell = func(m drill.Milestone) {
			if live.lines > 0 {
				live.clear()
			}
			fmt.Fprintln(c.App.Writer, m.Line())
		}
	}
	res, err := d.Run(ctx)
	if live.lines > 0 {
		live.clear()
	}
	var refused *drill.NetworkError
	switch {
	case errors.As(err, &refused):
		return noNetwork(refused.Err)
	case err != nil:
		return err
	}
	res.AddChecks(checks)
	if format == "json" {
		err = res.WriteJSON(c.App.Writer)
	} else {
		_, err = fmt.Fprint(c.App.Writer, res.Text(drill.Places{Spool: cfg.Spool.Dir, Archive: cfg.Archive.Dir}))
	}
	if err != nil {
		return err
	}
	if !res.Passed {
		return fail(exitFailed, errors.New("the drill failed"), "")
	}
	return nil
}
