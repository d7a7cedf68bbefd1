package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/names"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// defaultSince is how far back find looks for a hop where it is not told:
// each report that may be one is read.
const defaultSince = "7d"

func findCommand() *cli.Command {
	formats := []string{"table", "json", "jsonl", "tsv"}
	return &cli.Command{
		Name:      "find",
		Usage:     "find reports by a router on their path, and by all that list knows",
		ArgsUsage: "[ADDRESS|PREFIX|AS64500]",
		Description: `Finds the traces in which a router answered: by its address, by a prefix, or by its
AS ([asn] database names them). Without one it finds by the other conditions alone.
Conditions are joined by "and"; the newest come first.

   mtrq find 198.51.100.9                        traces that passed this router
   mtrq find 198.51.100.0/24 --loss '>5' --since 30d
   mtrq find AS64500 --verdict real-loss
   mtrq find --tag circuit=GZ-2231 --since 2026-11-01 --until 2026-11-08
   mtrq find --verdict real-loss,routing-loop --target 203.0.113.0/24
   mtrq find --reason ticket-77 --json

For a router the last 7 days are searched unless --since says otherwise (0: all):
reports are read one by one.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "since", Usage: "from the last `1h`, 3d …, or since a date, 2026-11-23; 0: from the beginning"},
			&cli.StringFlag{Name: "until", Usage: "up to a date or time, or so long ago: `2026-11-24`"},
			&cli.StringFlag{Name: "target", Usage: "`ADDRESS`, prefix or name that was traced"},
			&cli.StringFlag{Name: "node", Usage: "`NAME` of the node that traced"},
			&cli.StringFlag{Name: "verdict", Usage: "any of these `CLASSES`: real-loss, routing-loop, …"},
			&cli.StringFlag{Name: "loss", Usage: "more than so much loss at the target: `'>5'` percent"},
			&cli.StringSliceFlag{Name: "tag", Usage: "a tag `KEY=VALUE`, or KEY whatever its value; again for more"},
			&cli.StringFlag{Name: "source", Usage: "who asked: `watchdog`, http, cli, drop, node"},
			&cli.StringFlag{Name: "reason", Usage: "part of the reason or event `TEXT`"},
			&cli.IntFlag{Name: "limit", Aliases: []string{"n"}, Usage: "at most so many (0: all)", Value: 50},
			formatFlag(formats...), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
				return err
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			ar, err := archive.Open(cfg.Archive.Dir)
			if err != nil {
				return err
			}
			defer ar.Close() // only read from
			q, err := findQuery(c, cfg, ar)
			if err != nil {
				return err
			}
			sayNoArchive(c, ar)
			hits := []archive.HopHit{}
			found, err := ar.FindHops(c.Context, q, func(h archive.HopHit) error {
				hits = append(hits, h)
				return nil
			})
			if err != nil {
				return err
			}
			// Whether there is one more is not looked for: it might be in the last of many reports.
			more := q.Limit > 0 && len(hits) == q.Limit
			if err := writeHits(c, format, hits, q.Hop != nil, ar.Location(), more); err != nil {
				return err
			}
			if more && !c.IsSet("limit") {
				note(c, "only the newest %d are shown, there may be more: -n 0 shows all", q.Limit)
			}
			if found.Unreadable > 0 {
				fmt.Fprintf(c.App.ErrWriter, "mtrq: %d of %d reports could not be read; mtrq verify says which\n", found.Unreadable, found.Reports)
			}
			return nil
		},
	}
}

// findQuery reads what is looked for.
func findQuery(c *cli.Context, cfg *config.Config, ar *archive.Archive) (archive.HopQuery, error) {
	q := archive.HopQuery{Limit: c.Int("limit")}
	if q.Limit < 0 {
		return q, usage("--limit %d: write 0 for all", q.Limit)
	}
	if c.NArg() > 1 {
		return q, fail(exitUsage, fmt.Errorf("find takes one router, got %d", c.NArg()), "a prefix finds several: mtrq find 198.51.100.0/24")
	}
	var err error
	if c.NArg() == 1 {
		if q.Hop, err = hopWanted(c.Args().First(), cfg); err != nil {
			return q, err
		}
	}
	f := &q.Filter
	now, loc := time.Now(), ar.Location()
	from := c.String("since")
	if from == "" && q.Hop != nil {
		from = defaultSince
	}
	if from != "0" {
		if f.From, err = since(from, now, loc); err != nil {
			return q, err
		}
	}
	if f.To, err = untilText(c.String("until"), now, loc); err != nil {
		return q, err
	}
	if f.LossAbove, err = lossAbove(c.String("loss")); err != nil {
		return q, err
	}
	f.Node, f.Source, f.Reason = c.String("node"), c.String("source"), c.String("reason")
	if sources := []string{"watchdog", "http", "cli", "drop", "node"}; f.Source != "" && !slices.Contains(sources, f.Source) {
		return q, usage("--source %q: there are %s", f.Source, strings.Join(sources, ", "))
	}
	if err := targetWanted(c.String("target"), f); err != nil {
		return q, err
	}
	if f.Verdicts, err = verdictsWanted(c.String("verdict")); err != nil {
		return q, err
	}
	for _, t := range c.StringSlice("tag") {
		k, v, _ := strings.Cut(t, "=")
		if k == "" {
			return q, usage("--tag %q: write KEY=VALUE or KEY", t)
		}
		if f.Tags == nil {
			f.Tags = make(map[string]string)
		}
		f.Tags[k] = v
	}
	return q, nil
}

func untilText(s string, now time.Time, loc *time.Location) (time.Time, error) {
	t, err := since(s, now, loc)
	if err != nil {
		return t, usage("--until %q: write a date (2026-11-24), a time (2026-11-24T14:05:00+08:00) or how long ago (1h)", s)
	}
	return t, nil
}

func targetWanted(s string, f *archive.Filter) error {
	if s == "" {
		return nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		f.Prefix = p.Masked()
		return nil
	}
	name, err := spool.ParseTarget(s)
	if err != nil {
		return usage("--target %q: %w", s, err)
	}
	f.Target = name
	return nil
}

func verdictsWanted(s string) ([]report.Class, error) {
	if s == "" {
		return nil, nil
	}
	var known []string
	for _, class := range []report.Class{report.Clean, report.RealLoss, report.Latency, report.PathChanged, report.RateLimitOnly, report.TargetFilters,
		report.OwnNetwork, report.UplinkCut, report.RoutingLoop, report.Recovered, report.NotProven, report.MeasurementFault} {
		known = append(known, string(class))
	}
	var out []report.Class
	for _, v := range strings.Split(s, ",") {
		class := strings.TrimSpace(v)
		if !slices.Contains(known, class) {
			return nil, usage("--verdict %q: there are %s", v, strings.Join(known, ", "))
		}
		out = append(out, report.Class(class))
	}
	return out, nil
}

// hopWanted reads an address, a prefix or an AS.
func hopWanted(s string, cfg *config.Config) (func(netip.Addr) bool, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return func(x netip.Addr) bool { return x == a }, nil
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		p = p.Masked()
		return p.Contains, nil
	}
	digits, ok := strings.CutPrefix(strings.ToUpper(s), "AS")
	as, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || as == 0 {
		return nil, fail(exitUsage, fmt.Errorf("find %q: neither an address, nor a prefix, nor an AS", s), "mtrq find 198.51.100.9, 198.51.100.0/24 or AS64500; mtrq list --target finds names")
	}
	if cfg.ASN.Database == "" {
		return nil, fail(exitConfig, fmt.Errorf("find AS%d: no database of AS numbers is configured", as), "set [asn] database to an MMDB file, such as GeoLite2-ASN.mmdb")
	}
	b := names.New(names.Options{Database: cfg.ASN.Database})
	if err := b.Check(); err != nil {
		return nil, fail(exitUnavailable, fmt.Errorf("find AS%d: %w", as, err), "put a whole MMDB file there")
	}
	known := make(map[netip.Addr]bool) // by address: the same routers come again and again
	return func(x netip.Addr) bool {
		is, ok := known[x]
		if !ok {
			n, _ := b.AS(x)
			is = n.AS == uint32(as)
			known[x] = is
		}
		return is
	}, nil
}

// hitJSON is a line of an index with the hops that were found.
type hitJSON struct {
	archive.Entry
	Hops []archive.FoundHop `json:"hops,omitempty"`
}

func writeHits(c *cli.Context, format string, hits []archive.HopHit, hops bool, loc *time.Location, more bool) error {
	if format == "json" || format == "jsonl" {
		out := make([]hitJSON, 0, len(hits))
		for _, h := range hits {
			out = append(out, hitJSON{h.Entry, h.Hops})
		}
		return writePart(c.App.Writer, format, "reports", out, more)
	}
	heads := []string{"TIME", "TARGET", "LOSS", "OF", "VERDICT", "FRESH", "ID"}
	if hops {
		heads = append(heads, "HOP", "AT HOP")
	}
	t := newTable(c.App.Writer, format, len(hits), heads...)
	t.fit(c, hitsShrink)
	for _, h := range hits {
		e := h.Entry
		row := []string{timeText(e.At, loc), targetText(e), lossText(e.Loss()), sentText(e), string(e.Verdict), string(e.Freshness), e.ID.String()}
		if hops {
			row = append(row, hopText(h.Hops), hopLoss(h.Hops))
		}
		t.row(row...)
	}
	return t.end()
}

// hopText is "4 198.51.100.9 +2" of three hops.
func hopText(hops []archive.FoundHop) string {
	if len(hops) == 0 {
		return "-"
	}
	s := fmt.Sprintf("%d %s", hops[0].TTL, hops[0].Addr)
	if n := len(hops) - 1; n > 0 {
		s += fmt.Sprintf(" +%d", n)
	}
	return s
}

func hopLoss(hops []archive.FoundHop) string {
	if len(hops) == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", hops[0].Lost, hops[0].Sent)
}
