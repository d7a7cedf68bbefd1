package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/report"
)

func showCommand() *cli.Command {
	formats := []string{"text", "json", "svg", ticketFormat}
	return &cli.Command{
		Name:      "show",
		Usage:     "print a report or an incident",
		ArgsUsage: "ID",
		Description: `ID is that of a report or of an incident, a beginning of it that no other has,
"last" (the newest report) or "incident" (the newest incident). A trace that still
runs is shown as far as it has got, where you may read the spool; an incident that
is still open as it is now, with those of its traces that still run.

   mtrq show last
   mtrq show 01KAR1ABTB --format json
   mtrq show last --names                               with the AS and the name of each hop
   mtrq show incident
   mtrq show last --explain                             line by line, for who reads the first trace
   mtrq show incident --explain --lang zh               its targets, what was clean meanwhile, its first trace
   mtrq show 01KAR1ABTB --format svg > report.svg       its hops and pings over time
   mtrq show 01KAR2MCWD --format svg > incident.svg     the pings of its targets

Times are in the zone of the archive, as on its pages. AS numbers are from [asn]
database, names from reverse DNS; what is missing of them is said on stderr.

A ticket is what a carrier asks for: times, both ends, traces of both directions,
ping, baseline, what else was affected, how it was measured. What this carrier will
miss is said on stderr. Traces from other nodes, by other protocols, before and after
are taken from the archive; [ticket] and [asn] in the configuration add circuit,
contact and AS numbers.

   mtrq show incident --format ticket                                 plain text
   mtrq show incident --format ticket --profile cn-carrier --lang zh
   mtrq show last --format ticket --profile hetzner --reverse theirs.txt
   mtrq show last --format ticket --redact --form html > ticket.html  for print, PDF
   mtrq show --format ticket --profile list                           what each asks for`,
		Flags: append([]cli.Flag{formatFlag(formats...), jsonFlag(), explainFlag(), langFlag()}, append(namesFlags(), ticketFlags()...)...),
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
				return err
			}
			if format, err = explained(c, format); err != nil {
				return err
			}
			if err := errors.Join(onlyTicket(c, format), onlyNamed(c, format)); err != nil {
				return err
			}
			if c.String("profile") == "list" {
				return listProfiles(c)
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
			return show(c, cfg, ar, c.Args().First(), format)
		},
	}
}

func show(c *cli.Context, cfg *config.Config, ar *archive.Archive, ref, format string) error {
	f, err := findAny(c, cfg, ar, ref)
	switch {
	case errors.Is(err, archive.ErrNotFound) && ref != "incident":
		return showRunning(c, cfg, ref, format, err)
	case err != nil:
		return err
	case f.incident != nil:
		if f.open {
			sayStale(c, f.incident)
		}
		if format == ticketFormat {
			return showTicket(c, cfg, ar, nil, f.incident)
		}
		return showIncident(c, cfg, ar, f, format)
	}
	return showReport(c, cfg, ar, f.report, format)
}

func showReport(c *cli.Context, cfg *config.Config, ar *archive.Archive, e archive.Entry, format string) error {
	if format == "json" {
		return writeStored(c, ar.JSON, e)
	}
	rep, err := ar.Load(e)
	switch {
	case errors.Is(err, report.ErrNewerSchema) && format == "text" && !c.Bool("names"):
		return writeStored(c, ar.Text, e) // what the newer mtrq made of it
	case err != nil:
		return err
	}
	return writeReport(c, cfg, ar, rep, format)
}

// writeReport prints a report, of a trace that may still run, as all that is
// not its JSON: judged by today's rules, with times in the archive's zone.
func writeReport(c *cli.Context, cfg *config.Config, ar *archive.Archive, rep *report.Report, format string) error {
	here := rep.In(zoneOf(cfg, ar))
	var err error
	switch format {
	case ticketFormat:
		return showTicket(c, cfg, ar, rep, nil)
	case explainFormat:
		return writeExplained(c, here)
	case "svg":
		_, err = c.App.Writer.Write(report.SVG(here))
	default:
		_, err = c.App.Writer.Write(textOf(c, cfg, here))
	}
	return err
}

// writeStored prints a file of the archive as it is.
func writeStored(c *cli.Context, read func(archive.Entry) ([]byte, error), e archive.Entry) error {
	data, err := read(e)
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(data)
	return err
}

// zoneOf is the zone that times are shown in: that of the archive, as on its
// pages, else the one that it will be made with.
func zoneOf(cfg *config.Config, ar *archive.Archive) *time.Location {
	if _, ok := ar.Zone(); ok {
		return ar.Location()
	}
	loc, err := cfg.Archive.Location()
	if err != nil {
		return time.UTC // Validate has seen that it exists
	}
	return loc
}

func showIncident(c *cli.Context, cfg *config.Config, ar *archive.Archive, f found, format string) error {
	switch {
	case c.Bool("names"):
		return usage("--names is for the text of a report: an incident has no table of hops")
	case format == "json" && f.open:
		return report.EncodeIncident(c.App.Writer, f.incident)
	case format == "json":
		data, err := ar.IncidentFile(f.id, archive.IncidentJSON)
		if err != nil {
			return err
		}
		_, err = c.App.Writer.Write(data)
		return err
	}
	// Made anew: reports may have come since it was written.
	reports := ar.IncidentReportsWith(f.incident, runningOf(c, cfg, ar, f.incident))
	in := report.TicketInput{Incident: f.incident, Reports: reports}.In(zoneOf(cfg, ar))
	var data []byte
	switch format {
	case explainFormat:
		data = []byte(report.ExplainIncidentText(in.Incident, in.Reports, langOf(c)))
	case "svg":
		data = report.IncidentSVG(in.Incident, in.Reports)
	default:
		data = []byte(report.IncidentText(in.Incident, in.Reports))
	}
	_, err := c.App.Writer.Write(data)
	return err
}

// found is what an ID names: a report, or an incident.
type found struct {
	id       ulid.ULID
	report   archive.Entry
	incident *report.Incident
	open     bool // the incident lies in the spool, not in the archive
}

// findAny looks for what ref names: in the archive and, for incidents that are
// open, in the spool. A beginning that several IDs have is
// *archive.AmbiguousError, whatever they are of.
func findAny(c *cli.Context, cfg *config.Config, ar *archive.Archive, ref string) (found, error) {
	if ref == "incident" {
		return newestIncident(c, cfg, ar)
	}
	e, missing := ar.Find(ref)
	if ref == "last" {
		return found{id: e.ID, report: e}, missing
	}
	var hits []found
	var ids []ulid.ULID
	take := func(err error, f func() found) error {
		var several *archive.AmbiguousError
		switch {
		case err == nil:
			hits = append(hits, f())
			ids = append(ids, hits[len(hits)-1].id)
		case errors.As(err, &several):
			ids = append(ids, several.IDs...)
		case !errors.Is(err, archive.ErrNotFound):
			return err
		}
		return nil
	}
	if err := take(missing, func() found { return found{id: e.ID, report: e} }); err != nil {
		return found{}, err
	}
	inc, err := ar.Incident(ref)
	if err := take(err, func() found { return found{id: inc.ID, incident: inc} }); err != nil {
		return found{}, err
	}
	begins := func(id ulid.ULID) bool { return ref != "" && strings.HasPrefix(id.String(), strings.ToUpper(ref)) }
	for _, inc := range openIncidents(c, cfg, begins) {
		hits = append(hits, found{id: inc.ID, incident: inc, open: true})
		ids = append(ids, inc.ID)
	}
	slices.SortFunc(ids, func(a, b ulid.ULID) int { return b.Compare(a) })
	switch ids = slices.Compact(ids); len(ids) {
	case 0:
		return found{}, fail(exitFailed, missing, "mtrq list shows the IDs, mtrq list --incidents those of incidents")
	case 1:
		return hits[0], nil // of an incident in both places that of the archive, which is final
	}
	return found{}, &archive.AmbiguousError{Ref: ref, IDs: ids}
}

func newestIncident(c *cli.Context, cfg *config.Config, ar *archive.Archive) (found, error) {
	open := openIncidents(c, cfg, nil)
	closed, err := ar.Incidents(archive.IncidentQuery{Limit: 1})
	switch {
	case err != nil:
		return found{}, err
	case len(closed) > 0 && (len(open) == 0 || closed[0].ID.Compare(open[0].ID) >= 0):
		inc, err := ar.Incident(closed[0].ID.String())
		return found{id: closed[0].ID, incident: inc}, err
	case len(open) > 0:
		return found{id: open[0].ID, incident: open[0], open: true}, nil
	}
	return found{}, fail(exitFailed, fmt.Errorf("there is no incident: none in %s, and none is open", ar.Dir()),
		"mtrq show last is the newest report")
}
