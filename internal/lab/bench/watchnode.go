package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// watchSpec is what a watching node is told. Zero values have defaults.
type watchSpec struct {
	interval time.Duration // 1 s
	targets  int           // the first so many of the network; all
	anchors  []int         // further ones
	hook     []string      // command told when an incident opens and closes
}

// watch starts a node that watches targets of a network.
func (b *bench) watch(ctx context.Context, n *lab.Net, spec watchSpec) (*node, error) {
	dir, err := os.MkdirTemp(b.dir, "watch-")
	if err != nil {
		return nil, err
	}
	spec.interval = cmp.Or(spec.interval, time.Second)
	spec.targets = cmp.Or(spec.targets, n.Targets())
	var list, conf strings.Builder
	for i := range spec.targets {
		fmt.Fprintln(&list, n.Target(i).Addr4)
	}
	var anchors []string
	for _, i := range spec.anchors {
		anchors = append(anchors, fmt.Sprintf("%q", n.Target(i).Addr4))
	}
	// Twice what the pings need: a budget that is just enough is not what is measured.
	pps := 2 * float64(spec.targets+len(anchors)) / spec.interval.Seconds()
	fmt.Fprintf(&conf, "[node]\nname = \"bench\"\n[archive]\nzone = \"UTC\"\ncache_dir = %q\n", filepath.Join(dir, "cache"))
	fmt.Fprintf(&conf, "[watch]\ninterval = %q\nfiles = [%q]\nanchors = [%s]\nmax_pps = %d\n",
		spec.interval, filepath.Join(dir, "targets"), strings.Join(anchors, ", "), max(1000, int(pps)))
	if len(spec.hook) > 0 {
		command, err := json.Marshal(spec.hook) // an array of strings is written alike in TOML
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&conf, "[[hook]]\non = [\"incident-open\", \"incident-close\"]\ncommand = %s\n", command)
	}
	for name, text := range map[string]string{"targets": list.String(), "config.toml": conf.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	return b.start(ctx, n, "--config", filepath.Join(dir, "config.toml"))
}

// halt ends a node. Traces that it has still to finish get 10 s; what it
// says when it is told twice is no fault. A node that had ended before is
// one.
func (no *node) halt() error {
	if err := no.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("mtrq run had ended: %w: %s", err, tailOf(&no.log))
	}
	ended := make(chan error, 1)
	go func() { ended <- no.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("mtrq run: %w: %s", err, tailOf(&no.log))
		}
		return nil
	case <-time.After(10 * time.Second):
	}
	_ = no.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by now
	select {
	case <-ended:
		return nil
	case <-time.After(10 * time.Second):
	}
	_ = no.cmd.Process.Kill()
	<-ended
	return fmt.Errorf("mtrq run did not end within 10 s of its second signal: %s", tailOf(&no.log))
}

// tailOf is the end of a program's log. The program must have ended.
func tailOf(log *bytes.Buffer) string {
	const most = 2000
	return string(log.Bytes()[max(0, log.Len()-most):])
}

// watchState is what the node says of its targets.
func (no *node) watchState() (*spool.WatchState, error) {
	data, err := os.ReadFile(filepath.Join(no.dir, "spool/state", spool.WatchStateFile))
	if err != nil {
		return nil, err
	}
	st := &spool.WatchState{}
	return st, json.Unmarshal(data, st)
}

// warm waits until the node has heard of so many targets and has learnt the
// path to each, by the log, and says how many it knew at last. Paths that
// take too long are not waited for.
func (no *node) warm(ctx context.Context, targets int, most time.Duration) (paths int, err error) {
	began := time.Now()
	for {
		st, err := no.watchState()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		late := time.Since(began) > most
		// With background loss there is always one that is suspect.
		if err == nil && st.Totals.OK+st.Totals.Suspect+st.Totals.Lossy+st.Totals.Slow >= targets {
			if paths = no.learnt(); paths >= targets || late {
				fmt.Fprintf(os.Stderr, "bench: warm after %.0f s: paths of %d of %d targets\n", time.Since(began).Seconds(), paths, targets)
				return paths, nil
			}
		}
		if late {
			return 0, fmt.Errorf("the watchdog did not hear of all %d targets within %s (last error: %w): %s", targets, most, err, no.log.String())
		}
		// Reading the whole log of many targets takes a while itself.
		if err := pause(ctx, 2*time.Second+time.Duration(targets)*500*time.Microsecond); err != nil {
			return 0, err
		}
	}
}

// learnt counts the targets that a round which learns the path has reached.
func (no *node) learnt() int {
	seen := map[int]bool{}
	for r := range no.net.Truth().Records() {
		if r.Target >= 0 && r.Answer == lab.EchoReply && (r.Size == learnSize || isTrace(&r)) {
			seen[r.Target] = true
		}
	}
	return len(seen)
}

// incidents are all that the node knows, oldest first.
func (no *node) incidents() ([]report.Incident, error) {
	byID := map[string]report.Incident{}
	for _, pattern := range []string{"spool/state/incidents/*.json", "archive/*/*/*/incidents/[^.]*.json"} {
		files, err := filepath.Glob(filepath.Join(no.dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue // closed in between: it is in the archive then
			}
			var in report.Incident
			if err == nil {
				err = json.Unmarshal(data, &in)
			}
			if err != nil {
				return nil, fmt.Errorf("read incident %s: %w", name, err)
			}
			byID[in.ID.String()] = in
		}
	}
	var out []report.Incident
	for _, in := range byID {
		out = append(out, in)
	}
	slices.SortFunc(out, func(a, b report.Incident) int { return a.ID.Compare(b.ID) })
	return out, nil
}

// recovered waits until every incident has recovered, or for most at the
// longest, and returns all. One that has stays open for minutes, in case
// its targets lose packets again.
func (no *node) recovered(ctx context.Context, most time.Duration) ([]report.Incident, error) {
	return no.until(ctx, most, func(in report.Incident) bool {
		return in.State != report.IncidentOpen || in.Times.Recovered != nil
	})
}

// closed likewise waits until none is open.
func (no *node) closed(ctx context.Context, most time.Duration) ([]report.Incident, error) {
	return no.until(ctx, most, func(in report.Incident) bool { return in.State != report.IncidentOpen })
}

func (no *node) until(ctx context.Context, most time.Duration, done func(report.Incident) bool) ([]report.Incident, error) {
	for end := time.Now().Add(most); ; {
		all, err := no.incidents()
		if err != nil {
			return nil, err
		}
		more := slices.ContainsFunc(all, func(in report.Incident) bool { return !done(in) })
		if !more || time.Now().After(end) {
			return all, nil
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// during is true of an incident in which a target was in trouble between
// two times. A ping that was under way when the loss began may be its
// first, and what is noticed late still belongs to it.
func during(in *report.Incident, target string, from, to time.Time) bool {
	from, to = from.Add(-time.Second), to.Add(time.Second)
	at := slices.IndexFunc(in.Members, func(m report.Member) bool { return m.Target == target })
	if at < 0 {
		return false
	}
	if m := in.Members[at]; !m.Began.Before(from) && !m.Began.After(to) {
		return true
	}
	return slices.ContainsFunc(in.Episodes, func(e report.Episode) bool {
		return !e.From.Before(from) && !e.From.After(to)
	})
}

// sampling follows the memory of a process with all its descendants.
type sampling struct {
	stop chan struct{}
	peak chan int64
}

// sample begins to read the memory twice a second.
func sample(pid int) *sampling {
	s := &sampling{make(chan struct{}), make(chan int64)}
	go func() {
		var peak int64
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			u, _ := usageOf(pid) // what has ended uses nothing
			peak = max(peak, u.memory)
			select {
			case <-tick.C:
			case <-s.stop:
				s.peak <- peak
				return
			}
		}
	}()
	return s
}

// end returns the greatest memory seen, bytes.
func (s *sampling) end() int64 {
	close(s.stop)
	return <-s.peak
}
