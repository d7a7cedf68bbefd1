package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/spool"
)

func listCommand() *cli.Command {
	formats := []string{"table", "json", "jsonl", "tsv"}
	return &cli.Command{
		Name:  "list",
		Usage: "list reports, newest first",
		Description: `Needs neither root nor a running node. An empty list is no error.

   mtrq list --since 1h
   mtrq list --since 2026-11-23 --loss '>5'
   mtrq list --target 203.0.113.7 --json`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "since", Usage: "accepted in the last `1h`, 3d …, or since a date, 2026-11-23"},
			&cli.StringFlag{Name: "target", Usage: "`ADDRESS` or name"},
			&cli.StringFlag{Name: "node", Usage: "`NAME` of the node that traced"},
			&cli.StringFlag{Name: "loss", Usage: "more than so much loss at the target: `'>5'` percent"},
			&cli.IntFlag{Name: "limit", Aliases: []string{"n"}, Usage: "at most so many (0: all)", Value: 50},
			formatFlag(formats...), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
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
			entries, err := ar.List(q)
			if err != nil {
				return err
			}
			return writeEntries(c.App.Writer, format, entries, ar.Location())
		},
	}
}

// since reads a span back from now, or a date in the archive's zone.
func since(s string, now time.Time, loc *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := archive.ParseDate(s); err == nil {
		return d.Start(loc), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return time.Time{}, usage("--since %q: write a span (90s, 1h, 3d), a date (2026-11-23) or a time (2026-11-23T14:05:00+08:00)", s)
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

func writeEntries(w io.Writer, format string, entries []archive.Entry, loc *time.Location) error {
	switch format {
	case "json":
		if entries == nil {
			entries = []archive.Entry{}
		}
		return json.NewEncoder(w).Encode(struct {
			Schema  int             `json:"schema"`
			Reports []archive.Entry `json:"reports"`
		}{archive.Schema, entries})
	case "jsonl":
		enc := json.NewEncoder(w)
		for _, e := range entries {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	sep := "  "
	if format == "tsv" {
		sep = "\t"
	}
	var errs []error
	row := func(cells ...string) {
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(printable(cell), "\t", " ")
		}
		_, err := fmt.Fprintln(w, strings.Join(cells, sep))
		errs = append(errs, err)
	}
	if format == "table" {
		if len(entries) == 0 {
			return nil
		}
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		sep = "\t"
		w = tw
		defer tw.Flush()
	}
	row("TIME", "TARGET", "LOSS", "OF", "AVG", "VERDICT", "FRESH", "ENDED", "ID", "REASON")
	for _, e := range entries {
		row(e.At.In(loc).Format("2006-01-02 15:04:05-07:00"), targetText(e), lossText(e), sentText(e), avgText(e),
			string(e.Verdict), string(e.Freshness), string(e.Ended), e.ID.String(), e.Reason)
	}
	return errors.Join(errs...)
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
func lossText(e archive.Entry) string {
	if l := e.Loss(); l != nil {
		return fmt.Sprintf("%.1f%%", *l)
	}
	return "-"
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

func showCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "print a report",
		ArgsUsage: "ID",
		Description: `ID is a report's ID, a beginning of it that no other has, or "last". A trace that
still runs is shown as far as it has got, where you may read the spool.

   mtrq show last
   mtrq show 01KAR1ABTB --format json`,
		Flags: []cli.Flag{formatFlag("text", "json"), jsonFlag()},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "text", "json")
			if err != nil {
				return err
			}
			if c.NArg() != 1 {
				return fail(exitUsage, fmt.Errorf("show takes one ID, got %d", c.NArg()), "mtrq list shows the IDs; mtrq show last is the newest")
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
			e, err := ar.Find(c.Args().First())
			if errors.Is(err, archive.ErrNotFound) {
				return showRunning(c, cfg, c.Args().First(), format, err)
			}
			if err != nil {
				return err
			}
			read := ar.Text
			if format == "json" {
				read = ar.JSON
			}
			data, err := read(e)
			if err != nil {
				return err
			}
			_, err = c.App.Writer.Write(data)
			return err
		},
	}
}
