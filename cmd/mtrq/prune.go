package main

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
)

func pruneCommand() *cli.Command {
	formats := []string{"table", "json", "jsonl", "tsv"}
	return &cli.Command{
		Name:  "prune",
		Usage: "remove what the archive need not keep any longer, compress what is old",
		Description: `Days that ended longer ago than [archive] keep lose their reports, days that
ended longer ago than keep_incidents their incidents; with compress_after reports
become zips by hour, which every command reads as before; with max_size the
oldest days' reports go until the rest fits then. The newest day is never touched.

   mtrq prune --dry-run                 what it would do
   mtrq prune --keep 90d
   mtrq prune --compress-after 30d

It may run beside mtrq run and mtrq serve, and be killed at any moment: the next
one ends what it began. It refuses to remove more than half of the days at once,
which only a wrong clock would ask for, unless it is forced.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "keep", Usage: "`AGE` of reports to keep: 400d", DefaultText: "[archive] keep"},
			&cli.StringFlag{Name: "keep-incidents", Usage: "`AGE` of incidents to keep", DefaultText: "[archive] keep_incidents"},
			&cli.StringFlag{Name: "max-size", Usage: "`SIZE` on disk that all of it may have: '50 GiB'", DefaultText: "[archive] max_size"},
			&cli.StringFlag{Name: "compress-after", Usage: "`AGE` from which reports are compressed: 30d", DefaultText: "[archive] compress_after"},
			&cli.BoolFlag{Name: "dry-run", Usage: "only say what would be done", DisableDefaultText: true},
			&cli.BoolFlag{Name: "force", Usage: "remove more than half of the days", DisableDefaultText: true},
			formatFlag(formats...), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
				return err
			}
			cfg, err := load(c, keyFlags(c, map[string]string{
				"keep": "archive.keep", "keep-incidents": "archive.keep_incidents",
				"max-size": "archive.max_size", "compress-after": "archive.compress_after",
			})...)
			if err != nil {
				return err
			}
			limits := archive.Limits{
				Now: time.Now(), Keep: time.Duration(cfg.Archive.Keep), KeepIncidents: time.Duration(cfg.Archive.KeepIncidents),
				MaxBytes: int64(cfg.Archive.MaxSize), CompressAfter: time.Duration(cfg.Archive.CompressAfter), Force: c.Bool("force"),
			}
			if c.Bool("dry-run") {
				return planPrune(c, cfg, limits, format)
			}
			return withArchive(c, cfg, func(ctx context.Context, w *archive.Writer) error {
				var steps []archive.PruneStep
				done, err := w.Prune(ctx, limits, func(s archive.PruneStep) { steps = append(steps, s) })
				if err := errors.Join(writeSteps(c, format, archive.ByDay(steps), false), err); err != nil {
					return err
				}
				note(c, "took %s from %s away, compressed %s and freed %.1f MB by that",
					plural(done.Reports, "report"), plural(done.Days, "day"), plural(done.Compressed, "report"), float64(done.Saved)/1e6)
				return sayTooBig(c, w.Archive, limits, 0)
			})
		},
	}
}

// planPrune is prune --dry-run. It refuses what the real one would.
func planPrune(c *cli.Context, cfg *config.Config, l archive.Limits, format string) error {
	ar, err := archive.Open(cfg.Archive.Dir)
	if err != nil {
		return err
	}
	defer ar.Close() // only read from
	if err := ar.InZone(archiveZone(cfg)); err != nil {
		return err
	}
	plan, err := ar.PlanPrune(c.Context, l)
	if err != nil {
		return err
	}
	if _, ok := ar.Zone(); !ok {
		sayNoArchive(c, ar)
	} else if len(plan.Steps) == 0 {
		note(c, "nothing to remove and nothing to compress")
	}
	if plan.Frees != nil {
		note(c, "compressing comes first, and frees %s by an estimate: only then is it known which reports must go to fit into max_size", sizeText(uint64(max(0, *plan.Frees))))
	}
	return errors.Join(writeSteps(c, format, plan.Steps, plan.Frees != nil), sayTooBig(c, ar, l, len(plan.Steps)))
}

// sayTooBig says that the archive does not fit into max_size. What steps that
// are only planned would leave is not known.
func sayTooBig(c *cli.Context, ar *archive.Archive, l archive.Limits, planned int) error {
	if l.MaxBytes == 0 || planned > 0 {
		return nil
	}
	size, err := ar.Size(c.Context)
	if err == nil && size > l.MaxBytes {
		note(c, "what is left takes %s, more than max_size (%s): the newest day and incidents are kept whatever their size",
			sizeText(uint64(size)), config.Bytes(l.MaxBytes))
	}
	return err
}

// pruneStep is a line of what prune does.
type pruneStep struct {
	Day  archive.Date `json:"day"`
	What []string     `json:"what"` // "reports", "incidents": are removed; "compress"
	// Estimated says that whether reports go depends on what compressing frees.
	Estimated bool `json:"estimated,omitempty"`
}

// writeSteps lists them. guess: what compressing frees is not known yet.
func writeSteps(c *cli.Context, format string, steps []archive.PruneStep, guess bool) error {
	lines := []pruneStep{}
	for _, s := range steps {
		l := pruneStep{Day: s.Day, Estimated: guess && s.TooBig}
		for _, part := range []struct {
			is   bool
			name string
		}{{s.Compress && s.Reports, "compress"}, {s.Reports, "reports"}, {s.Incidents, "incidents"}, {s.Compress && !s.Reports, "compress"}} {
			if part.is {
				l.What = append(l.What, part.name)
			}
		}
		lines = append(lines, l)
	}
	if format == "json" || format == "jsonl" {
		return writeJSON(c.App.Writer, format, "steps", lines)
	}
	t := newTable(c.App.Writer, format, len(lines), "DAY", "WHAT")
	for _, l := range lines {
		words := ""
		for i, name := range l.What {
			if i > 0 {
				words += ", "
			}
			if name != "compress" {
				words += "remove "
			}
			words += name
		}
		if l.Estimated {
			words += " (by an estimate)"
		}
		t.row(l.Day.String(), words)
	}
	return t.end()
}
