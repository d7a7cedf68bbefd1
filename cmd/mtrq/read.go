package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

func readCommand() *cli.Command {
	formats := []string{"text", "json", "jsonl"}
	return &cli.Command{
		Name:      "read",
		Usage:     "judge a trace that somebody else made",
		ArgsUsage: "[FILE|-]",
		Description: `Reads the output of mtr (-r, -w, -z, -e, -b or copied from its screen), mtr --json
and --csv, WinMTR (text or HTML), traceroute (Unix, Cisco, Huawei) or Windows' tracert,
each in any language, with whatever was copied around it, and says by the same rules as everywhere
what it shows and what it leaves open: such a text has counts but no times. Several
traces in one text, of one program or of many, are read one by one. A report or incident of mtrq in JSON is read in
full. Nothing is sent anywhere.

   mtrq read ticket.txt
   mtr -rwzbc100 203.0.113.7 | mtrq read
   mtrq read --explain --lang zh winmtr.txt
   mtrq read --target 203.0.113.7 mtr.txt      where the text itself does not name it
   mtrq read --json mtr.json

WinMTR's text never names the target, mtr's only in the command above it or at the head
of the screen. Else the last line is taken for it, which is wrong where the trace ended
before it. --target says what it was.`,
		Flags: []cli.Flag{
			formatFlag(formats...), jsonFlag(), explainFlag(),
			&cli.StringFlag{Name: "lang", Value: string(report.English), Usage: "`LANGUAGE` of the verdict: en, zh"},
			&cli.StringFlag{Name: "target", Usage: "`ADDRESS` or name that was traced, of a text that does not say"},
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
				return err
			}
			if _, ok := report.ParseLang(c.String("lang")); !ok {
				return usage("--lang %s: the languages are en and zh", c.String("lang"))
			}
			if c.Bool("explain") && format != "text" {
				return usage("--explain is text: leave --format %s out", format)
			}
			if c.NArg() > 1 {
				return fail(exitUsage, fmt.Errorf("read takes one file, got %d", c.NArg()), "mtrq read - reads what is piped in")
			}
			data, err := readInput(c, c.Args().First())
			if err != nil {
				return err
			}
			return readTrace(c, data, format)
		},
	}
}

// readInput is a file or, of "-" and nothing, standard input.
func readInput(c *cli.Context, name string) ([]byte, error) {
	in := c.App.Reader
	if name != "" && name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close() // only read from
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, report.MaxBytes+1))
	if err != nil {
		return nil, fail(exitIO, fmt.Errorf("read the trace: %w", err), "")
	}
	return data, nil
}

func readTrace(c *cli.Context, data []byte, format string) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		if done, err := readOwn(c, data, format); done {
			return err
		}
	}
	traces, err := report.ParseForeign(data)
	if err != nil {
		return fail(exitData, err, "mtrq read --help names what can be read")
	}
	if err := setTarget(c, traces); err != nil {
		return err
	}
	if format != "text" {
		views := make([]report.ForeignView, 0, len(traces))
		for _, f := range traces {
			views = append(views, f.View(langOf(c)))
		}
		return writeJSON(c.App.Writer, format, "traces", views)
	}
	for i, f := range traces {
		text := report.ForeignText(f, langOf(c))
		if c.Bool("explain") {
			text = report.ExplainText(f.Report(), langOf(c))
		}
		if i > 0 {
			text = "\n" + text
		}
		if _, err := io.WriteString(c.App.Writer, text); err != nil {
			return err
		}
	}
	return nil
}

// setTarget takes --target, which is for one trace.
func setTarget(c *cli.Context, traces []*report.Foreign) error {
	if !c.IsSet("target") {
		return nil
	}
	if len(traces) > 1 {
		return fail(exitUsage, fmt.Errorf("--target with %d traces", len(traces)), "read them one by one")
	}
	name, err := spool.ParseTarget(c.String("target"))
	if err != nil {
		return usage("--target %q: %w", c.String("target"), err)
	}
	addr, _ := netip.ParseAddr(name) // a name stays one: nothing is looked up
	traces[0].SetTarget(name, addr)
	return nil
}

// readOwn reads a report or an incident of mtrq; done is false where the JSON
// is neither.
func readOwn(c *cli.Context, data []byte, format string) (done bool, err error) {
	rep, err := report.Decode(bytes.NewReader(data))
	switch {
	case err == nil && format != "text":
		return true, usage("this is a report of mtrq already: its JSON is what --format %s would give", format)
	case err == nil && c.Bool("explain"):
		return true, writeExplained(c, rep)
	case err == nil:
		_, err = io.WriteString(c.App.Writer, report.Text(rep))
		return true, err
	case errors.Is(err, report.ErrNewerSchema):
		return true, fail(exitUnavailable, err, "use the newer mtrq")
	}
	inc, err := report.DecodeIncident(data)
	switch {
	case err != nil:
		return false, nil
	case format != "text":
		return true, usage("this is an incident of mtrq already: its JSON is what --format %s would give", format)
	case c.Bool("explain"):
		_, err = io.WriteString(c.App.Writer, report.ExplainIncidentText(inc, nil, langOf(c)))
	default:
		_, err = io.WriteString(c.App.Writer, report.IncidentText(inc, nil))
	}
	return true, err
}
