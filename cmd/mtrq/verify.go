package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
)

func verifyCommand() *cli.Command {
	formats := []string{"table", "json", "jsonl", "tsv"}
	return &cli.Command{
		Name:  "verify",
		Usage: "read every report and hold the indexes to them",
		Description: `Each report must be readable, rightly named and have its text; each of its requests
must be named in no other report, have one line in the index of its day and one in
that of its target, which say what the report says; and nothing else may lie there.
Compressed reports are held to their checksums. Findings are listed, and the exit
code is 1 where there are any.

   mtrq verify
   mtrq verify --since 2026-11-01
   mtrq verify --repair

--repair does what can be done: it makes indexes anew, gives reports their right
names, makes lost and empty texts again, removes what was never finished. It never
removes a report. It may all run beside mtrq run and mtrq serve.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "since", Usage: "only days from this `DATE` on: 2026-11-23"},
			&cli.BoolFlag{Name: "repair", Usage: "mend what can be mended, then verify again", DisableDefaultText: true},
			formatFlag(formats...), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
				return err
			}
			var since archive.Date
			if s := c.String("since"); s != "" {
				if since, err = archive.ParseDate(s); err != nil {
					return usage("--since %w", err)
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
			if _, ok := ar.Zone(); !ok {
				return fail(exitFailed, fmt.Errorf("there is no archive in %s: nothing is verified", ar.Dir()),
					"mtrq run makes one; --archive, or [archive] dir, says where it is")
			}
			if c.Bool("repair") {
				return withArchive(c, cfg, func(ctx context.Context, w *archive.Writer) error { return repair(c, ctx, w, since, format) })
			}
			ctx, end := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGINT)
			defer end()
			found, counts, err := verify(ctx, ar, since)
			if err != nil {
				return err
			}
			return tellFindings(c, format, found, counts, "mtrq verify --repair mends what can be mended")
		},
	}
}

func verify(ctx context.Context, ar *archive.Archive, since archive.Date) (found []archive.Finding, counts archive.Verified, err error) {
	counts, err = ar.Verify(ctx, since, func(f archive.Finding) { found = append(found, f) })
	return found, counts, err
}

func repair(c *cli.Context, ctx context.Context, w *archive.Writer, since archive.Date, format string) error {
	found, counts, err := verify(ctx, w.Archive, since)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		before := len(found)
		_, mendErr := w.Mend(ctx, found)
		if found, counts, err = verify(ctx, w.Archive, since); err != nil {
			return errors.Join(mendErr, err)
		}
		note(c, "mended %d of %s", max(0, before-len(found)), plural(before, "finding"))
		if mendErr != nil && len(found) == 0 {
			return mendErr
		}
	}
	return tellFindings(c, format, found, counts, "what is left needs a person: see each finding")
}

// tellFindings lists them and fails where there are any.
func tellFindings(c *cli.Context, format string, found []archive.Finding, counts archive.Verified, hint string) error {
	if format == "json" || format == "jsonl" {
		if err := writeJSON(c.App.Writer, format, "findings", found); err != nil {
			return err
		}
	} else {
		t := newTable(c.App.Writer, format, len(found), "WHAT", "WHERE", "WHY")
		for _, f := range found {
			t.row(string(f.Kind), f.Path, f.Detail)
		}
		if err := t.end(); err != nil {
			return err
		}
	}
	note(c, "verified %s with %s of %s, %s of targets, %s",
		plural(counts.Reports, "report"), plural(counts.Requests, "request"), plural(counts.Days, "day"),
		plural(counts.Targets, "file"), plural(counts.Incidents, "incident"))
	if len(found) > 0 {
		return fail(exitFailed, fmt.Errorf("%s", plural(len(found), "finding")), hint)
	}
	return nil
}
