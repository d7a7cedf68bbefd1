package main

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/mtrq/mtrq/report"
)

// formatFlag is --format, with --json for short where that is offered.
// The first format is the default.
func formatFlag(formats ...string) cli.Flag {
	return &cli.StringFlag{Name: "format", Aliases: []string{"f"}, Usage: strings.Join(formats, ", "), Value: formats[0]}
}

func jsonFlag() cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "short for --format json", DisableDefaultText: true}
}

func formatOf(c *cli.Context, formats ...string) (string, error) {
	f := c.String("format")
	if c.Bool("json") {
		if c.IsSet("format") && f != "json" {
			return "", usage("--json and --format %s exclude each other", f)
		}
		return "json", nil
	}
	if !slices.Contains(formats, f) {
		return "", usage("--format %q: allowed is %s", f, strings.Join(formats, ", "))
	}
	return f, nil
}

// isTerminal says whether w is a terminal that may be drawn on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// printable makes words of strangers fit for a line of a terminal.
func printable(s string) string { return report.Printable(s) }
