package main

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestReorder(t *testing.T) {
	app := &cli.App{
		Flags: []cli.Flag{&cli.StringFlag{Name: "spool"}, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}},
		Commands: []*cli.Command{{
			Name: "show", Aliases: []string{"s"},
			Flags: []cli.Flag{&cli.StringFlag{Name: "format", Aliases: []string{"f"}}, &cli.BoolFlag{Name: "wait"}, &cli.StringSliceFlag{Name: "tag"}},
		}},
	}
	for _, c := range []struct{ name, in, want string }{
		{"flags before", "mtrq show --format json last", "mtrq show --format json last"},
		{"flags after", "mtrq show last --format json", "mtrq show --format json last"},
		{"joined value", "mtrq show last --format=json more", "mtrq show --format=json last more"},
		{"short and switch", "mtrq show last --wait -f json", "mtrq show --wait -f json last"},
		{"mtrq's own flag after the command", "mtrq show last --spool /x -q", "mtrq --spool /x -q show last"},
		{"repeated", "mtrq show a --tag x=1 b --tag y=2", "mtrq show --tag x=1 --tag y=2 a b"},
		{"standard input", "mtrq show - --wait", "mtrq show --wait -"},
		{"after -- all is argument", "mtrq show a -- --wait", "mtrq show a -- --wait"},
		{"value is missing", "mtrq show last --wait --format", "mtrq show --format"},
		{"value of mtrq's own is missing", "mtrq show last --spool", "mtrq --spool"},
		{"unknown flag is left to cli", "mtrq show a --nope", "mtrq show --nope a"},
		{"unknown command is left to cli", "mtrq nope --x", "mtrq nope --x"},
		{"alias", "mtrq s a --wait", "mtrq show --wait a"},
		{"no command", "mtrq --spool /x", "mtrq --spool /x"},
		{"help is of the command, not of its argument", "mtrq show last --help", "mtrq show --help"},
		{"a value that looks like help", "mtrq show last --format --help", "mtrq show --format --help last"},
		{"help in short", "mtrq show -h last", "mtrq show -h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(reorder(app, strings.Fields(c.in)), " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
