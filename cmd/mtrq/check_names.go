package main

import (
	"fmt"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/names"
	"github.com/mtrq/mtrq/report"
)

// checkNames is of what tickets and find want, where it is configured.
func checkNames(cfg *config.Config) []finding {
	var out []finding
	if cfg.ASN.Database != "" {
		f := finding{what: "AS numbers", text: cfg.ASN.Database}
		if err := names.New(names.Options{Database: cfg.ASN.Database}).Check(); err != nil {
			f.warn, f.text = true, fmt.Sprintf("none: %v", err)
			f.do = "put an MMDB file of AS numbers there, such as GeoLite2-ASN.mmdb, or leave [asn] database out"
		}
		out = append(out, f)
	}
	if _, err := report.FindProfile(cfg.Ticket.Profile); err != nil {
		out = append(out, finding{what: "ticket", warn: true, text: err.Error(), do: "set [ticket] profile to one of them"})
	}
	return out
}
