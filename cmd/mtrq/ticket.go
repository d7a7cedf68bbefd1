package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/report"
)

const ticketFormat = "ticket"

func ticketFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "profile", Usage: "whose questions the ticket answers: `NAME`, or list for all of them"},
		&cli.StringFlag{Name: "form", Value: "text", Usage: "of the ticket: text, markdown, html"},
		&cli.BoolFlag{Name: "redact", Usage: "blank own first hops, inner addresses and names in the ticket", DisableDefaultText: true},
		&cli.StringFlag{Name: "reverse", Usage: "the trace from the other end, for the ticket: `FILE` of mtr, WinMTR, traceroute or mtrq"},
	}
}

// onlyTicket refuses flags of the ticket without it.
func onlyTicket(c *cli.Context, format string) error {
	for _, f := range []string{"profile", "form", "redact", "reverse"} {
		if c.IsSet(f) && format != ticketFormat {
			return usage("--%s is for --format ticket", f)
		}
	}
	switch c.String("form") {
	case "text", "markdown", "html":
		return nil
	}
	return usage("--form %q: allowed is text, markdown, html", c.String("form"))
}

// showTicket prints the ticket of a report or an incident, and on stderr what
// is missing of it.
func showTicket(c *cli.Context, cfg *config.Config, ar *archive.Archive, rep *report.Report, inc *report.Incident) error {
	if inc == nil {
		inc = openIncidentOf(c, cfg, rep)
	}
	in := ar.Evidence(rep, inc, runningOf(c, cfg, ar, inc)...)
	if err := addReverse(c, &in); err != nil {
		return err
	}
	in = in.In(zoneOf(cfg, ar))
	opts := report.TicketOptions{
		Lang: langOf(c), Profile: cfg.Ticket.Profile, Redact: c.Bool("redact"),
		Own: report.Own{Circuit: cfg.Ticket.Circuit, Customer: cfg.Ticket.Customer, Contact: cfg.Ticket.Contact, Prefixes: cfg.Ticket.Own},
	}
	if c.IsSet("profile") {
		opts.Profile = c.String("profile")
	}
	if _, err := report.FindProfile(opts.Profile); err != nil {
		return fail(exitUsage, err, "mtrq show --format ticket --profile list says what each asks for")
	}
	opts.Names = book(c, cfg).Look(c.Context, addressesIn(in))
	t, err := report.NewTicket(in, opts)
	if err != nil {
		return err
	}
	text := t.Text()
	switch c.String("form") {
	case "markdown":
		text = t.Markdown()
	case "html":
		if text, err = t.HTML(); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(c.App.Writer, text); err != nil {
		return err
	}
	_, err = io.WriteString(c.App.ErrWriter, t.CheckText())
	return err
}

// openIncidentOf is the incident that a trace was made for, while it is open;
// nil: there is none. One that is over the archive finds by its reports.
func openIncidentOf(c *cli.Context, cfg *config.Config, rep *report.Report) *report.Incident {
	e := &rep.Evidence
	named := func(id ulid.ULID) bool {
		return slices.ContainsFunc(e.Requests, func(q report.Request) bool { return q.Event == id.String() })
	}
	for _, inc := range openIncidents(c, cfg, named) {
		// Who asks for a trace may name what it likes as its event.
		if slices.ContainsFunc(inc.Members, func(m report.Member) bool { return m.Address.IsValid() && m.Address == e.Target.Address }) {
			sayStale(c, inc)
			return inc
		}
	}
	return nil
}

// addReverse takes --reverse in.
func addReverse(c *cli.Context, in *report.TicketInput) error {
	name := c.String("reverse")
	if name == "" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(f, report.MaxBytes+1))
	if err != nil {
		return fail(exitIO, fmt.Errorf("read %s: %w", name, err), "")
	}
	in.Reverse, in.ReverseText, err = report.ParseReverse(data)
	if err != nil {
		return fail(exitData, fmt.Errorf("--reverse %s: %w", name, err), "mtrq read --help names what can be read")
	}
	return nil
}

func addressesIn(in report.TicketInput) []netip.Addr {
	var all []netip.Addr
	for _, r := range append([]*report.Report{in.Report, in.Reverse, in.Before, in.After}, in.Others...) {
		if r != nil {
			all = append(all, r.Addresses()...)
		}
	}
	if inc := in.Incident; inc != nil {
		all = append(all, inc.Node.Address)
		for i := range inc.Members {
			m := &inc.Members[i]
			all = append(all, m.Address)
			for _, p := range []*report.Path{m.Before, m.After} {
				if p == nil {
					continue
				}
				for _, h := range p.Hops {
					all = append(all, h.Addrs...)
				}
			}
		}
	}
	seen := make(map[netip.Addr]bool)
	out := all[:0]
	for _, a := range all {
		if a.IsValid() && !seen[a] && len(out) < 500 {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}

// listProfiles says what each profile asks for.
func listProfiles(c *cli.Context) error {
	t := newTable(c.App.Writer, "table", len(report.Profiles()), "PROFILE", "FOR", "PACKETS", "PINGS", "BOTH WAYS", "TCP", "CIRCUIT")
	yes := map[bool]string{true: "yes", false: "-"}
	for _, p := range report.Profiles() {
		pings := "-"
		if p.Ping > 0 {
			pings = fmt.Sprint(p.Ping)
		}
		t.row(p.Key, p.Name(langOf(c)), fmt.Sprint(p.Packets), pings, yes[p.Both], yes[p.TCP], yes[p.Circuit])
	}
	return t.end()
}
