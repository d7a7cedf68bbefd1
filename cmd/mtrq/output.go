package main

import (
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
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
	if c.Bool("json") {
		return "json", nil
	}
	f := c.String("format")
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

// printable takes out what a terminal would obey: names and reasons come
// from strangers.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return -1
		}
		return r
	}, s)
}
