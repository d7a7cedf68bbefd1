package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/report"
)

// explainFormat is what --explain makes of text.
const explainFormat = "explain"

func explainFlag() cli.Flag {
	return &cli.BoolFlag{Name: "explain", Usage: "say what each line of the table means, and why the verdict is what it is"}
}

func langFlag() cli.Flag {
	return &cli.StringFlag{Name: "lang", Value: string(report.English), Usage: "`LANGUAGE` of the explanation or the ticket: en, zh"}
}

// explained is the format with --explain and --lang taken in.
func explained(c *cli.Context, format string) (string, error) {
	if _, ok := report.ParseLang(c.String("lang")); !ok {
		return "", usage("--lang %s: the languages are en and zh", c.String("lang"))
	}
	switch {
	case !c.Bool("explain") && c.IsSet("lang") && format != ticketFormat:
		return "", usage("--lang is for --explain and --format ticket: everything else is in English")
	case !c.Bool("explain"):
		return format, nil
	case format != "text":
		return "", usage("--explain is text: leave --format %s out", format)
	}
	return explainFormat, nil
}

// langOf is the language asked for, which explained has checked.
func langOf(c *cli.Context) report.Lang {
	l, _ := report.ParseLang(c.String("lang"))
	return l
}

func writeExplained(c *cli.Context, rep *report.Report) error {
	_, err := fmt.Fprint(c.App.Writer, report.ExplainText(rep, langOf(c)))
	return err
}
