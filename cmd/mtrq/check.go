package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/spool"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "say whether this machine can trace, and what to do where it cannot",
		Description: `Tries what a node needs: configuration, mtr-packet and its rights (one probe to
loopback), directories, disks, clock, watchers, what the watchdog needs; and says
whether mtrq run and mtrq serve run now, and what a node that runs says is wrong.
Sends nothing beyond loopback: URLs and names are left to mtrq run.
Exit code 1 when something must be mended.`,
		Action: func(c *cli.Context) error {
			cfg, err := load(c)
			if err != nil {
				return err
			}
			failed := 0
			for _, f := range findings(c.Context, cfg) {
				mark := "ok  "
				switch {
				case f.err != nil:
					mark = "FAIL"
					failed++
				case f.warn:
					mark = "warn"
				}
				text := f.text
				if f.err != nil {
					text = f.err.Error()
				}
				fmt.Fprintf(c.App.Writer, "%s  %-12s %s\n", mark, f.what, strings.ReplaceAll(text, "\n", "; "))
				if f.do != "" {
					fmt.Fprintf(c.App.Writer, "      %-12s %s\n", "", strings.ReplaceAll(f.do, "\n", "\n"+strings.Repeat(" ", 19)))
				}
			}
			if failed > 0 {
				return fail(exitFailed, fmt.Errorf("%d of the checks failed", failed), "")
			}
			return nil
		},
	}
}

// finding is one line of check.
type finding struct {
	what string
	text string
	err  error  // must be mended
	warn bool   // works, but read this
	do   string // what to do
}

func findings(ctx context.Context, cfg *config.Config) []finding {
	from := "no file; defaults"
	if cfg.File() != "" {
		from = cfg.File()
	}
	out := []finding{{what: "config", text: from}}
	out = append(out, checkProbing(ctx, cfg)...)
	out = append(out, checkSpool(cfg), checkArchive(cfg))
	out = append(out, checkNode(cfg)...)
	out = append(out, checkClock(), checkWatcher())
	out = append(out, checkPingSockets(cfg), checkWatch(ctx, cfg), checkGateway(cfg))
	out = append(out, checkCache(cfg)...)
	out = append(out, checkHooks(cfg)...)
	out = append(out, checkServe(cfg)...)
	out = append(out, checkNames(cfg)...)
	out = append(out, checkBridges(cfg)...)
	return append(out, checkNotYet(cfg)...)
}

// checkProbing starts mtr-packet as a node does and pings loopback.
func checkProbing(ctx context.Context, cfg *config.Config) []finding {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s := newScheduler(cfg, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	outcome := make(chan probe.Result, 2)
	s.SubmitAll([]probe.Request{{
		Spec:  probe.Spec{Addr: netip.MustParseAddr("127.0.0.1"), TTL: 64, Protocol: probe.ICMP, Size: 64},
		Class: probe.Watch, Deadline: time.Second,
		Done: func(r probe.Result) { outcome <- r },
	}})
	var got probe.Result
	select {
	case got = <-outcome:
	case <-ctx.Done():
		got.Err = errors.New("mtr-packet said nothing within 5 s")
	}
	features := s.Stats().Features
	cancel()
	if err := <-ended; err != nil && got.Err == nil && !errors.Is(err, context.Canceled) {
		got.Err = err
	}
	f := finding{what: "mtr-packet", text: fmt.Sprintf("version %s: %s", features.Version, strings.Join(features.Names(), " "))}
	switch {
	case errors.Is(got.Err, probe.ErrMissing):
		f.err, f.do = got.Err, "Debian, Ubuntu: apt install mtr-tiny; Fedora, RHEL: dnf install mtr; Alpine: apk add mtr\nor name its path in [run] mtr_packet"
		return []finding{f}
	case errors.Is(got.Err, probe.ErrPermission):
		f.err, f.do = got.Err, "run as root, or give the service AmbientCapabilities=CAP_NET_RAW, or setcap cap_net_raw+ep on mtr-packet"
		return []finding{f}
	case got.Err != nil:
		f.err = fmt.Errorf("%s: %w", programPath(cfg), got.Err)
		f.do = "run it by hand: it should wait for input. Install mtr anew, or name another in [run] mtr_packet"
		return []finding{f}
	}
	ping := finding{what: "probing", text: fmt.Sprintf("loopback answers in %s", got.RTT)}
	if got.Outcome != probe.Reply {
		ping.err, ping.do = errors.New("a probe to loopback was not answered"), "is lo up, and does a packet filter drop ICMP on it?"
	}
	return []finding{f, ping}
}

// programPath is the mtr-packet that a node starts.
func programPath(cfg *config.Config) string {
	name := cmp.Or(cfg.Run.MTRPacket, "mtr-packet")
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	return name
}

func checkSpool(cfg *config.Config) finding {
	f := finding{what: "spool", text: cfg.Spool.Dir}
	if _, err := os.Stat(cfg.Spool.Dir + "/state"); errors.Is(err, fs.ErrNotExist) {
		return checkNoSpool(cfg)
	}
	sp, err := lookAtSpool(cfg)
	if err == nil {
		_, err = os.ReadDir(cfg.Spool.Dir + "/state")
	}
	if err != nil {
		f.err, f.do = err, "give --spool a directory that you may read, or run as the user of the node"
		return f
	}
	if err := sp.CheckRoom(); err != nil {
		f.err, f.do = err, "free space, or lower [spool] reserve_bytes and reserve_inodes"
		return f
	}
	if soon, err := sp.RoomSoon(); err != nil || soon != "" {
		f.warn, f.text, f.do = true, cfg.Spool.Dir+": "+soon, "[spool] reserve_bytes and reserve_inodes say when jobs are refused"
		if err != nil {
			f.text = err.Error()
		}
		return f
	}
	if err := unix.Access(cfg.Spool.Dir+"/new", unix.W_OK); err != nil {
		f.warn, f.text = true, cfg.Spool.Dir+": you may not write new/; mtrq enqueue goes through drop/"
		f.do = "run a node as the user who owns the spool"
	}
	var drop unix.Stat_t
	if err := unix.Stat(cfg.Spool.Dir+"/drop", &drop); err == nil && unix.Geteuid() != 0 && unix.Geteuid() == int(drop.Uid) && !inGroup(int(drop.Gid)) {
		f.warn = true
		f.do = fmt.Sprintf("add this user to group %d, that of drop/: what others put there could not be read", drop.Gid)
	}
	if st, tracing, why := sp.RunState(time.Now()); tracing {
		f.text += fmt.Sprintf(", traced by process %d", st.PID)
		for _, h := range st.Health {
			if !h.OK && (h.What == "claim" || h.What == "drop") {
				f.err = errors.Join(f.err, fmt.Errorf("%s: process %d cannot take all jobs: %s", cfg.Spool.Dir, st.PID, printable(h.Hint)))
				f.do = "see its log; what waits is kept, and taken once that is mended"
			}
		}
	} else {
		f.warn, f.text = true, f.text+"; nobody is tracing: "+why
		if f.do == "" {
			f.do = "start mtrq run: what is enqueued waits until then"
		}
		if st.HeldBy != 0 {
			f.err, f.do = fmt.Errorf("%s: %s", cfg.Spool.Dir, why), nobodyHint(st)
		}
	}
	return f
}

// checkNoSpool looks whether there can be a spool where none is yet.
func checkNoSpool(cfg *config.Config) finding {
	f := finding{what: "spool", warn: true, text: cfg.Spool.Dir + ", made by the first mtrq run; nobody is tracing"}
	f.do = "start mtrq run: what is enqueued waits until then"
	above, err := nearestDir(cfg.Spool.Dir)
	if err == nil {
		err = unix.Access(above, unix.W_OK|unix.X_OK)
	}
	if err != nil {
		f.err = fmt.Errorf("%s is not there, and you may not make it in %s: %w", cfg.Spool.Dir, above, err)
		f.do = "give --spool a directory that you may write, or run as the user of the node"
		return f
	}
	there, err := spool.Look(above, spoolReserve(cfg))
	if err == nil {
		err = there.CheckRoom()
	}
	if err != nil {
		f.err, f.do = err, "free space, or lower [spool] reserve_bytes and reserve_inodes"
	}
	return f
}

// checkClock asks the kernel whether anything keeps its clock right.
func checkClock() finding {
	f := finding{what: "clock", text: "synchronised"}
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	switch {
	case err != nil:
		f.warn, f.text = true, "cannot ask the kernel: "+err.Error()
	case state == unix.TIME_ERROR || tx.Status&unix.STA_UNSYNC != 0:
		f.warn, f.text = true, "not synchronised: times in reports may be off, and carriers ask"
		f.do = "run systemd-timesyncd, chrony or ntpd"
	}
	return f
}

func checkWatcher() finding {
	f := finding{what: "watchers", text: "inotify works"}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		f.warn, f.text = true, "no inotify instance left: the spool is looked through every 2 s instead"
		f.do = "raise fs.inotify.max_user_instances (contrib/sysctl)"
		return f
	}
	if err := w.Close(); err != nil {
		f.warn, f.text = true, err.Error()
	}
	return f
}

func checkArchive(cfg *config.Config) finding {
	f := finding{what: "archive", text: cfg.Archive.Dir}
	ar, err := archive.Open(cfg.Archive.Dir)
	if err != nil {
		f.err = err
		return f
	}
	defer ar.Close() // only read from
	if zone, ok := ar.Zone(); ok && archiveZone(cfg) != zone {
		f.err = fmt.Errorf("%s: %w: they are in %s, the configuration says %s", cfg.Archive.Dir, archive.ErrZone, zone, cfg.Archive.Zone)
		f.do = "set [archive] zone = \"" + zone + "\", or give another --archive"
		return f
	}
	switch err := unix.Access(cfg.Archive.Dir, unix.W_OK); {
	case errors.Is(err, unix.ENOENT):
		f.text += ", made by the first mtrq run"
	case err != nil:
		f.warn, f.text = true, cfg.Archive.Dir+": you may only read it"
	}
	switch full, soon := archiveRoom(cfg, cfg.Archive.Dir); {
	case full != "":
		f.err, f.do = fmt.Errorf("%s: %s", cfg.Archive.Dir, full), "free space: mtrq prune removes old reports, or compresses them"
	case soon != "":
		f.warn, f.text = true, f.text+": "+soon
	}
	return f
}

// inGroup says whether this process is of a group.
func inGroup(gid int) bool {
	groups, err := unix.Getgroups()
	return err == nil && (unix.Getegid() == gid || slices.Contains(groups, gid))
}
