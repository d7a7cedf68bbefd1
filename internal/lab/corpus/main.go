// Command corpus makes report/testdata/corpus: traces over simulated
// networks, sent for real by mtr-packet in network namespaces, each with the
// truth from the network's own log. Verdicts are tested against it. It needs
// root and takes about ten minutes:
//
//	go run ./internal/lab/corpus -seed 1
//
// The same seed draws the same networks and faults; what a trace sees of
// them differs from run to run, as packets do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/mtrq/mtrq/internal/lab/cases"
	"github.com/mtrq/mtrq/report"
)

func main() {
	seed := flag.Uint64("seed", 1, "draws networks and faults")
	out := flag.String("out", "report/testdata/corpus", "directory to write; files of groups that are made again are replaced")
	only := flag.String("only", "", "comma-separated groups")
	parallel := flag.Int("parallel", 12, "networks at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *seed, *out, *only, *parallel); err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, seed uint64, out, only string, parallel int) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	all := recipes(seed)
	if only != "" {
		names := strings.Split(only, ",")
		all = slices.DeleteFunc(all, func(r recipe) bool { return !slices.Contains(names, r.group) })
	}
	made := make([]*cases.Case, len(all))
	failed := make([]error, len(all))
	var wg sync.WaitGroup
	next := make(chan int)
	for range max(1, parallel) {
		wg.Go(func() {
			for i := range next {
				if ctx.Err() == nil {
					made[i], failed[i] = all[i].make(ctx, i, seed+uint64(i))
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	groups := map[string][]cases.Case{}
	for i, c := range made {
		if failed[i] != nil {
			failed[i] = fmt.Errorf("%s: %w", all[i].name, failed[i])
			continue
		}
		groups[c.Group] = append(groups[c.Group], *c)
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	var again []cases.Case
	for g, list := range groups {
		if err := cases.Write(filepath.Join(out, g+".jsonl.gz"), list); err != nil {
			return err
		}
		again = append(again, list...)
	}
	s, err := cases.Judge(again, report.Judge)
	if err != nil {
		return err
	}
	s.Print(os.Stdout)
	for _, w := range s.Wrong {
		fmt.Println(w)
	}
	return nil
}
