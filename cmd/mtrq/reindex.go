package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
)

func reindexCommand() *cli.Command {
	return &cli.Command{
		Name:      "reindex",
		Usage:     "make the archive's indexes anew from the reports",
		ArgsUsage: "[DATE…]",
		Description: `Reads the reports of the given days, or of all, and writes the indexes of those
days and of the targets in their months. Indexes that say the right thing already
stay as they are; others get a new generation, so that whoever mirrors them reads
them again. A report that cannot be read keeps its line.

   mtrq reindex 2026-11-23
   mtrq reindex

It may run beside mtrq run and mtrq serve, and be killed at any moment.`,
		Action: func(c *cli.Context) error {
			var days []archive.Date
			for _, arg := range c.Args().Slice() {
				day, err := archive.ParseDate(arg)
				if err != nil {
					return usage("%w", err)
				}
				days = append(days, day)
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			return withArchive(c, cfg, func(ctx context.Context, w *archive.Writer) error {
				done, err := w.Reindex(ctx, days, nil)
				if err != nil {
					return err
				}
				note(c, "read %s of %s; wrote the indexes of %s and of %s of targets anew",
					plural(done.Reports, "report"), plural(done.Days, "day"), plural(done.RewrittenDays, "day"), plural(done.RewrittenTargets, "month"))
				if done.Kept > 0 {
					note(c, "%s could not be read and kept their lines: mtrq verify names them", plural(done.Kept, "request"))
				}
				return nil
			})
		},
	}
}
