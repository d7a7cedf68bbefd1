package main

import (
	"fmt"
	"net"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/names"
	"github.com/mtrq/mtrq/report"
)

func namesFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "names", Aliases: []string{"z"}, Usage: "AS and name of each hop in the text of a report", DisableDefaultText: true},
		&cli.BoolFlag{Name: "no-names", Usage: "ask no DNS server for names of addresses: with --names the AS only", DisableDefaultText: true},
	}
}

// onlyNamed refuses --names and --no-names where nothing is named.
func onlyNamed(c *cli.Context, format string) error {
	switch {
	case c.Bool("names") && format == ticketFormat:
		return usage("--names is for text: a ticket has AS and names without it")
	case c.Bool("names") && format != "text":
		return usage("--names is for text: leave --format and --explain out")
	case c.IsSet("no-names") && format != ticketFormat && !c.Bool("names"):
		return usage("--no-names is for --names and --format ticket")
	}
	return nil
}

// textOf is the text of a report, with --names taken in. What is missing of
// names is said on stderr.
func textOf(c *cli.Context, cfg *config.Config, rep *report.Report) []byte {
	if !c.Bool("names") {
		return []byte(report.Text(rep))
	}
	found := book(c, cfg).Look(c.Context, rep.Addresses())
	for _, l := range found.Missing {
		if l.Kind != report.LackNoDNS { // that was asked for
			fmt.Fprintf(c.App.ErrWriter, "mtrq: missing: %s\n", l.Text(report.English))
		}
	}
	return report.AppendText(nil, rep, report.TextOptions{Names: &found})
}

// book is where names and AS numbers come from when something is shown.
func book(c *cli.Context, cfg *config.Config) *names.Book {
	opts := names.Options{Database: cfg.ASN.Database}
	if !c.Bool("no-names") {
		opts.Resolver = net.DefaultResolver
	}
	return names.New(opts)
}
