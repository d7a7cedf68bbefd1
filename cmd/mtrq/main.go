// Command mtrq takes an MTR while the line still loses packets: it traces
// what it is asked to, keeps every report, and shows them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/config"
)

func main() { os.Exit(mtrq(os.Args, os.Stdin, os.Stdout, os.Stderr)) }

// mtrq is main with everything handed in; it returns the exit code.
func mtrq(args []string, in io.Reader, out, talk io.Writer) int {
	app := newApp(in, out, talk)
	return say(talk, app.RunContext(context.Background(), reorder(app, args)))
}

const description = `A line loses packets for ten seconds; the carrier asks for an MTR taken during
the loss. mtrq makes that evidence exist: a node takes "trace this now" from a
shell, cron, curl or a monitoring system, starts every trace at once, says how
fresh each one is, and keeps them all by date.

   mtrq up                          a node on this machine: traces, and shows them
   mtrq enqueue --wait 203.0.113.7  trace now, and watch
   mtrq list --since 1h             what was traced
   mtrq show last                   the newest report
   mtrq targets                     how the watched targets are, live

Flags may stand before or after arguments. Every command has its own --help.`

func newApp(in io.Reader, out, talk io.Writer) *cli.App {
	cli.AppHelpTemplate = strings.TrimRight(cli.AppHelpTemplate, "\n") + "\n\n" + exitTable
	app := &cli.App{
		Name:        "mtrq",
		Usage:       "the MTR taken while the line still lost packets",
		Description: description,
		Version:     version(),
		HideVersion: true, // there is a command
		Reader:      in,
		Writer:      out,
		ErrWriter:   talk,
		// Errors are said once, by say.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   usageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "configuration `FILE` (also $MTRQ_CONFIG; default /etc/mtrq/config.toml where it exists)"},
			&cli.StringFlag{Name: "spool", Usage: "`DIR` of jobs (also $MTRQ_SPOOL)"},
			&cli.StringFlag{Name: "archive", Usage: "`DIR` of reports (also $MTRQ_ARCHIVE)"},
			&cli.BoolFlag{Name: "version", Usage: "the same as mtrq version", DisableDefaultText: true},
		},
		Commands: []*cli.Command{
			enqueueCommand(), runCommand(), serveCommand(), upCommand(),
			listCommand(), showCommand(), readCommand(), findCommand(), targetsCommand(), statusCommand(),
			pruneCommand(), reindexCommand(), verifyCommand(),
			checkCommand(), drillCommand(), configCommand(), versionCommand(),
		},
		CommandNotFound: nil,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return fail(exitUsage, fmt.Errorf("there is no command %q", c.Args().First()), "mtrq --help lists the commands")
			}
			if c.Bool("version") {
				printVersion(c)
				return nil
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, cmd := range app.Commands {
		cmd.OnUsageError = usageError
		if cmd.ArgsUsage == "" {
			cmd.Before = noArguments
		}
	}
	return app
}

func usageError(c *cli.Context, err error, _ bool) error {
	of := "mtrq --help"
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "mtrq" {
		of = "mtrq " + c.Command.Name + " --help"
	}
	return fail(exitUsage, flagError(c, err), of+" lists the flags")
}

// noArguments refuses words that a command would pass over.
func noArguments(c *cli.Context) error {
	if !c.Args().Present() {
		return nil
	}
	arg, hint := c.Args().First(), "mtrq "+c.Command.Name+" --help lists what it takes"
	switch c.Command.Name {
	case "list":
		hint = "mtrq list --target " + arg + " selects"
	case "run", "up":
		hint = "mtrq enqueue " + arg + " asks for a trace"
	}
	return fail(exitUsage, fmt.Errorf("%s takes no argument %q", c.Command.Name, arg), hint)
}

// load finds the configuration in force. extra are flags of the command
// itself that set a key.
func load(c *cli.Context, extra ...config.Flag) (*config.Config, error) {
	opt := config.Options{Path: c.String("config"), Flags: extra}
	for flag, key := range map[string]string{"spool": "spool.dir", "archive": "archive.dir"} {
		if c.IsSet(flag) && c.String(flag) == "" {
			// An unset variable of a script, not the directory they are in.
			return nil, fail(exitUsage, fmt.Errorf("--%s is empty", flag), "name a directory, or leave the flag out")
		}
		if c.IsSet(flag) {
			opt.Flags = append(opt.Flags, config.Flag{Name: "--" + flag, Key: key, Values: []string{c.String(flag)}})
		}
	}
	cfg, err := config.Load(opt)
	if flagsAlone(err) {
		return nil, fail(exitUsage, err, "mtrq "+c.Command.Name+" --help lists what is allowed")
	}
	return cfg, err
}

// flagsAlone says that nothing is wrong but what was typed, and no file.
func flagsAlone(err error) bool {
	var wrong *config.Error
	return errors.As(err, &wrong) && !slices.ContainsFunc(wrong.Faults, func(f config.Fault) bool {
		return f.Origin.Kind != config.FromFlag || f.Key == ""
	})
}
