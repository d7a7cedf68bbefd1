// Command bench measures mtrq in a simulated network, beside mtr where
// that can do the same, and writes docs/benchmarks.md. Times are those of
// the network's own log, not of mtrq's clock. It judges nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// bench is what the measurements share.
type bench struct {
	mtrq string // the binary
	dir  string // for spools and archives
	doc  strings.Builder
	last float64 // seconds to the last first probe of the burst; 0: not measured

	short bool   // about a tenth of the length of what takes minutes
	seed  uint64 // added to those of plans
	count int    // of draws
}

// sized chooses by whether a short run was asked for.
func sized[T any](b *bench, full, short T) T {
	if b.short {
		return short
	}
	return full
}

func main() {
	only := flag.String("only", "", "comma-separated names of measurements, watch for all of the watchdog; nothing is written then")
	out := flag.String("out", "docs/benchmarks.md", "file to write")
	seed := flag.Uint64("seed", 0, "draw events anew: added to the seeds of plans that the watchdog is measured by")
	draws := flag.Int("draws", 100, "bad links of watch-storm, one after the other, 35 s each")
	short := flag.Bool("short", false, "measure the watchdog for a tenth of the time; nothing is written then")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx, *only, *out, bench{short: *short, seed: *seed, count: *draws}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, only, out string, with bench) error {
	// The network's two threads and this program should not wait for each other.
	runtime.GOMAXPROCS(max(4, runtime.NumCPU()))
	dir, err := os.MkdirTemp("", "mtrq-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &with
	b.mtrq, b.dir = filepath.Join(dir, "mtrq"), dir
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.mtrq, "./cmd/mtrq")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build mtrq: %w: %s", err, said)
	}
	b.head(ctx)
	var failed error
	for _, m := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"burst", b.burst}, {"mtr", b.mtr}, {"single", b.single}, {"limited", b.limited}, {"beside", b.beside}, {"idle", b.idle}, {"door", b.door}, {"spool", b.spool},
		{"watch-events", b.watchEvents}, {"watch-beside", b.watchBeside}, {"watch-storm", b.watchStorm}, {"watch-healthy", b.watchHealthy},
		{"watch-cpu", b.watchCPU}, {"watch-uplink", b.watchUplink}, {"watch-canary", b.watchCanary},
		{"archive", b.archiveRead}, {"pages", b.pages}, {"pages-big", b.pagesBig}, {"verdict", b.verdict},
	} {
		family, _, _ := strings.Cut(m.name, "-")
		if names := strings.Split(only, ","); only != "" && !slices.Contains(names, m.name) && !slices.Contains(names, family) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s\n", m.name)
		// All of them take hours: one that fails does not cost the others.
		if err := m.run(ctx); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", m.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	fmt.Print(b.doc.String())
	if failed != nil || only != "" || b.short {
		return failed
	}
	return os.WriteFile(out, []byte(b.doc.String()), 0o644)
}

func (b *bench) printf(format string, args ...any) { fmt.Fprintf(&b.doc, format, args...) }

// head says where and with what was measured.
func (b *bench) head(ctx context.Context) {
	first := func(name string, args ...string) string {
		said, _ := exec.CommandContext(ctx, name, args...).CombinedOutput() // a missing version is shown as empty
		line, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		return line
	}
	cpu := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), ":"))
				break
			}
		}
	}
	b.printf("# Benchmarks\n\nWritten by `make bench`. Everything runs at one time on one machine, the simulated network included, which shares its cores: " +
		"ratios hold better than absolute figures. \"Log\" is the network's own log of every probe.\n\n")
	b.printf("- %s, %d cores (%s), %s\n- %s, %s, %s, %s\n\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), runtime.NumCPU(), cpu, first("uname", "-sr"),
		first("git", "describe", "--always", "--dirty"), runtime.Version(), first("mtr", "--version"), first("fping", "--version"))
}

// quantile is the value below which a share p of the sorted values lies.
func quantile[T any](sorted []T, p float64) T {
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}
