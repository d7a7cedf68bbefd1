// Command mtrq-lab runs a command inside a simulated network of many targets behind routers whose loss, limits and
// paths are known. Nothing inside can reach the outside, and nothing is left afterwards.
//
//	mtrq-lab --targets 500 --event '5s loss ttl=3 forward 30% for 10s' -- sh -c 'mtr -n -r $MTRQ_LAB_TARGET'
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/lab"
)

func main() {
	// The command's parent-death signal is tied to the thread that starts it: that thread has to last.
	runtime.LockOSThread()
	if os.Geteuid() != 0 && lab.Possible() != nil {
		if code, err := lab.Again(); err == nil {
			os.Exit(code)
		}
	}
	code := 0
	app := &cli.App{
		Name:      "mtrq-lab",
		Usage:     "run a command inside a simulated network",
		ArgsUsage: "-- COMMAND [ARGUMENT...]",
		Description: "The command finds a file with one target per line in $MTRQ_LAB_TARGETS_FILE and the first target in\n" +
			"$MTRQ_LAB_TARGET. Signals are passed on; the exit code is the command's.\n\n" +
			"Changes: loss LINK [forward|backward|both] 30%; down LINK; delay LINK 20ms; silent, blackhole, detour ROUTER;\n" +
			"limit ROUTER rate=100 [burst=50]; slow ROUTER 800ms; unreachable ROUTER net|host|admin; filter target=3 icmp+udp;\n" +
			"mpls ROUTER labels=16001,24005; spread ROUTER members=3 [per-flow|per-packet|per-destination].\n" +
			"ROUTER is router=ID or ttl=N, on the path to target=T; LINK is link=ID, ttl=N or target=T.",
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true, // an event may hold a comma
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "targets", Value: 10, Usage: "`NUMBER` of targets"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the network, of loss and of jitter"},
			&cli.StringFlag{Name: "hops", Value: "8-15", Usage: "`RANGE` of TTLs to a target"},
			&cli.StringSliceFlag{Name: "limit", Usage: "limit a router, as `'ttl=1 rate=100'`"},
			&cli.StringSliceFlag{Name: "event", Usage: "change the network, as `'5s loss link=7 forward 30% for 10s'`"},
			&cli.PathFlag{Name: "truth", Usage: "write the log of every probe to `FILE` (JSON lines)"},
			&cli.BoolFlag{Name: "print-targets", Usage: "print targets with their paths, then run the command if there is one"},
		},
		Action: func(c *cli.Context) error {
			r := runner{
				Targets: c.Int("targets"), Seed: c.Uint64("seed"), Hops: c.String("hops"), Limits: c.StringSlice("limit"),
				Events: c.StringSlice("event"), Truth: c.Path("truth"), Print: c.Bool("print-targets"), Args: c.Args().Slice(),
			}
			var err error
			code, err = r.run(c.Context)
			return err
		},
	}
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "mtrq-lab: error:", err)
		os.Exit(1)
	}
	os.Exit(code)
}
