package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// node is an mtrq run in a network.
type node struct {
	b   *bench
	net *lab.Net
	dir string
	cmd *exec.Cmd
	log bytes.Buffer
}

// start makes a spool and an archive of their own and waits until the
// node traces.
func (b *bench) start(ctx context.Context, n *lab.Net, args ...string) (*node, error) {
	dir, err := os.MkdirTemp(b.dir, "node-")
	if err != nil {
		return nil, err
	}
	no := &node{b: b, net: n, dir: dir}
	no.cmd = n.Space().Command(ctx, b.mtrq, append([]string{"run"}, args...)...)
	no.cmd.Env = no.env()
	no.cmd.Stderr = &no.log
	if err := no.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if data, err := os.ReadFile(filepath.Join(dir, "spool/state/run.json")); err == nil && strings.Contains(string(data), `"version": "0`) {
			return no, nil // mtr-packet has said what it is
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, errors.Join(fmt.Errorf("mtrq run did not start: %s", no.log.String()), no.stop())
}

func (no *node) env() []string {
	return append(os.Environ(), "MTRQ_SPOOL="+no.dir+"/spool", "MTRQ_ARCHIVE="+no.dir+"/archive", "MTRQ_CONFIG=")
}

// mtrq runs a command of mtrq against the node's directories.
func (no *node) mtrq(ctx context.Context, in string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, no.b.mtrq, args...)
	cmd.Env = no.env()
	cmd.Stdin = strings.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("mtrq %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return string(out), err
}

func (no *node) stop() error {
	if err := no.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return no.cmd.Wait()
}

// usage is what a process and its children have used.
type usage struct {
	cpu    time.Duration // user and system, of the living and those that were waited for
	memory int64         // bytes, proportional set size of all
}

// use reads the usage of the node with its mtr-packet processes.
func (no *node) use() (usage, error) { return usageOf(no.cmd.Process.Pid) }

// usageOf reads the usage of a process with all its descendants.
func usageOf(pid int) (usage, error) {
	var u usage
	for _, p := range family(pid) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			continue // ended in between; its time is in the parent's then
		}
		// utime, stime, cutime, cstime are fields 14 to 17; the name in
		// field 2 may hold spaces, so count from its closing bracket.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+2:]))
		for _, i := range []int{11, 12, 13, 14} {
			ticks, err := strconv.ParseInt(f[i], 10, 64)
			if err != nil {
				return u, err
			}
			u.cpu += time.Duration(ticks) * time.Second / 100 // USER_HZ
		}
		u.memory += pss(p)
	}
	return u, nil
}

// family is a process and its descendants.
func family(pid int) []int {
	out := []int{pid}
	for _, c := range children(pid) {
		out = append(out, family(c)...)
	}
	return out
}

func children(pid int) []int {
	var out []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		data, _ := os.ReadFile(t) // a thread that is gone has none
		for _, f := range strings.Fields(string(data)) {
			if p, err := strconv.Atoi(f); err == nil {
				out = append(out, p)
			}
		}
	}
	return out
}

// pss is a process's share of memory in bytes, 0 where it is gone.
func pss(pid int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// entry is what the benchmarks read of an index line.
type entry struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Target  string    `json:"target"`
	Lost    *int      `json:"lost"`
	Sent    *int      `json:"sent"`
	Verdict string    `json:"verdict"`
	File    string    `json:"file"`
}

func (no *node) list(ctx context.Context) ([]entry, error) {
	out, err := no.mtrq(ctx, "", "list", "--limit", "0", "--format", "json")
	if err != nil {
		return nil, err
	}
	var doc struct{ Reports []entry }
	return doc.Reports, json.Unmarshal([]byte(out), &doc)
}
