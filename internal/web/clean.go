package web

import (
	"strconv"
	"strings"

	"github.com/mtrq/mtrq/report"
)

// clean takes out of a stranger's words what would do something to a
// terminal or to the text around them. html/template escapes the rest.
func clean(s string) string { return report.Printable(s) }

// short quotes a stranger's word for a message, cut where it is long.
func short(s string) string {
	const most = 80
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(clean(s))
}
