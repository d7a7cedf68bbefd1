package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/spool"
)

func listCommand() *cli.Command {
	formats := []string{"table", "json", "jsonl", "tsv"}
	return &cli.Command{
		Name:  "list",
		Usage: "list reports, incidents or suspects, newest first",
		Description: `Needs neither root nor a running node. An empty list is no error.

   mtrq list --since 1h                     reports
   mtrq list --since 2026-11-23 --loss '>5'
   mtrq list --target 203.0.113.7 --json

   mtrq list --incidents                    what the watchdog saw of losses: those that
                                            last now first, then those that are over
   mtrq list --incidents --since 3d --target 203.0.113.7
   mtrq show incident                       the newest one, in full

   mtrq list --suspects --since 1h          targets that missed a ping, and were not
                                            confirmed to lose packets

Without -n the newest 50 are shown. An incident's entry in JSON names its first 8
targets; "affected" is how many there are, and mtrq show has them.

--since goes by when a report was accepted, an incident opened, a suspect missed
its ping; an incident that is still open is listed whenever it opened.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "incidents", Aliases: []string{"i"}, Usage: "incidents instead of reports", DisableDefaultText: true},
			&cli.BoolFlag{Name: "suspects", Usage: "suspects instead of reports", DisableDefaultText: true},
			&cli.StringFlag{Name: "since", Usage: "from the last `1h`, 3d …, or since a date, 2026-11-23"},
			&cli.StringFlag{Name: "target", Usage: "`ADDRESS` or name"},
			&cli.StringFlag{Name: "node", Usage: "`NAME` of the node that traced (reports)"},
			&cli.StringFlag{Name: "loss", Usage: "more than so much loss at the target: `'>5'` percent (reports)"},
			&cli.IntFlag{Name: "limit", Aliases: []string{"n"}, Usage: "at most so many (0: all)", Value: 50},
			formatFlag(formats...), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
				return err
			}
			if err := oneList(c); err != nil {
				return err
			}
			q := archive.Query{Node: c.String("node"), Limit: c.Int("limit")}
			if q.Limit < 0 {
				return usage("--limit %d: write 0 for all", q.Limit)
			}
			if t := c.String("target"); t != "" {
				if q.Target, err = spool.ParseTarget(t); err != nil {
					return usage("--target %q: %w", t, err)
				}
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
			if q.Since, err = since(c.String("since"), time.Now(), ar.Location()); err != nil {
				return err
			}
			if q.LossAbove, err = lossAbove(c.String("loss")); err != nil {
				return err
			}
			sayNoArchive(c, ar)
			switch {
			case c.Bool("incidents"):
				return listIncidents(c, cfg, ar, format, q)
			case c.Bool("suspects"):
				return listSuspects(c, ar, format, q)
			}
			limit := q.Limit
			q.Limit = oneMore(limit)
			entries, err := ar.List(q)
			if err != nil {
				return err
			}
			entries, more := cut(entries, limit)
			if err := writeEntries(c, format, entries, ar.Location(), more); err != nil {
				return err
			}
			sayMore(c, more, limit)
			sayOpen(c, cfg)
			return nil
		},
	}
}

// oneList refuses flags that say nothing of what is listed: a filter that
// is passed over would pass for its answer.
func oneList(c *cli.Context) error {
	if c.Bool("incidents") && c.Bool("suspects") {
		return usage("--incidents and --suspects are two lists: ask for one")
	}
	for _, list := range []string{"incidents", "suspects"} {
		for _, flag := range []string{"node", "loss"} {
			if c.Bool(list) && c.IsSet(flag) {
				return usage("--%s selects reports: leave it out with --%s", flag, list)
			}
		}
	}
	return nil
}

// since reads a span back from now, or a date in the archive's zone.
func since(s string, now time.Time, loc *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := archive.ParseDate(s); err == nil {
		return d.Start(loc), nil
	}
	// As mtrq itself prints times, and as people write them.
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return time.Time{}, usage("--since %q: write a span (90s, 1h, 3d), a date (2026-11-23) or a time (2026-11-23T14:05, 2026-11-23T14:05:00+08:00)", s)
	}
	return now.Add(-d), nil
}

func lossAbove(s string) (*float64, error) {
	if s == "" {
		return nil, nil
	}
	p, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(s, ">"), "%"), 64)
	if err != nil || p < 0 || p > 100 {
		return nil, usage("--loss %q: write '>5' for more than 5 percent", s)
	}
	return &p, nil
}

func writeEntries(c *cli.Context, format string, entries []archive.Entry, loc *time.Location, more bool) error {
	if format == "json" || format == "jsonl" {
		return writePart(c.App.Writer, format, "reports", entries, more)
	}
	t := newTable(c.App.Writer, format, len(entries), "TIME", "TARGET", "LOSS", "OF", "AVG", "VERDICT", "FRESH", "ENDED", "ID", "REASON")
	t.fit(c, reportsShrink)
	for _, e := range entries {
		t.row(timeText(e.At, loc), targetText(e), lossText(e.Loss()), sentText(e), avgText(e),
			string(e.Verdict), string(e.Freshness), string(e.Ended), e.ID.String(), e.Reason)
	}
	return t.end()
}

func timeText(t time.Time, loc *time.Location) string {
	return t.In(loc).Format("2006-01-02 15:04:05-07:00")
}

func targetText(e archive.Entry) string {
	switch {
	case !e.Target.IsValid():
		return e.Asked
	case e.Asked == e.Target.String():
		return e.Asked
	}
	return e.Asked + " (" + e.Target.String() + ")"
}

// Unknown is "-", never 0.
func lossText(percent *float64) string {
	if percent == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", *percent)
}

func sentText(e archive.Entry) string {
	if e.Sent == nil {
		return "-"
	}
	return strconv.Itoa(*e.Sent)
}

func avgText(e archive.Entry) string {
	if e.AvgUS == nil {
		return "-"
	}
	return fmt.Sprintf("%.1fms", float64(*e.AvgUS)/1000)
}
