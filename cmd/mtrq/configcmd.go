package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/urfave/cli/v2"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "print the configuration in force, and where each value is from",
		Description: `Flags win over environment, environment over file, file over defaults. A key
that is not known is an error, so that a typo cannot switch anything off.`,
		Flags: []cli.Flag{formatFlag("table", "json"), jsonFlag()},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "table", "json")
			if err != nil {
				return err
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			lines := cfg.Lines()
			if format == "json" {
				type value struct {
					Key    string `json:"key"`
					Value  string `json:"value_toml"`
					Origin string `json:"origin"`
				}
				out := struct {
					Schema int     `json:"schema"`
					Values []value `json:"values"`
				}{Schema: 1}
				for _, l := range lines {
					out.Values = append(out.Values, value{l.Key, l.Value, l.Origin.String()})
				}
				return json.NewEncoder(c.App.Writer).Encode(out)
			}
			w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
			for _, l := range lines {
				fmt.Fprintf(w, "%s\t= %s\t# %s\n", l.Key, l.Value, l.Origin)
			}
			return w.Flush()
		},
	}
}
