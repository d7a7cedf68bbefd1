package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

const textCSV = "text/csv; charset=utf-8"

// dayText is a day for a terminal. In the order of time the oldest stands
// first, as in a log; where there is more, the last line says how to get
// it.
func (s *site) dayText(r *http.Request, v archive.View, dv *archive.DayView) []byte {
	entries := dv.Entries
	b := bytes.NewBuffer(s.textTable(inOrder(entries, v)))
	if len(entries) < dv.Matching {
		fmt.Fprintf(b, "# %d of %d reports", len(entries), dv.Matching)
		if next := olderURL(dayURL(dv.Day), r.URL.Query(), v, dv.Entries, dv.Matching); next != "" {
			fmt.Fprintf(b, "; more: curl '%s%s'", plainURL(baseURL(r, s.PublicURL)), plainURL(next))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// inOrder turns a list of the newest first round; others stay as they are.
func inOrder(entries []archive.Entry, v archive.View) []archive.Entry {
	if v.Sort != "" && v.Sort != archive.SortTime || v.Ascending {
		return entries
	}
	entries = slices.Clone(entries)
	slices.Reverse(entries)
	return entries
}

// textTable is a list for a terminal, in the order given.
func (s *site) textTable(entries []archive.Entry) []byte {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tTARGET\tLOST\tVERDICT\tFRESHNESS\tID\tREASON")
	for _, e := range entries {
		target := clean(e.Asked)
		if e.Target.IsValid() {
			target = e.Target.String()
		}
		loss := lossWords(e.Lost, e.Sent)
		if loss == "" {
			loss = "none sent"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.At.In(s.Archive.Location()).Format(time.RFC3339), target, loss,
			plainWord(string(e.Verdict)), clean(string(e.Freshness)), e.ID, clean(e.Reason))
	}
	_ = t.Flush() // into memory: cannot fail
	return bytes.ReplaceAll(b.Bytes(), []byte("  \n"), []byte("\n"))
}

func plainWord(s string) string { return clean(strings.ReplaceAll(s, "-", " ")) }

// csvTable is a list for a spreadsheet (RFC 4180). What is unknown is an
// empty cell.
func (s *site) csvTable(entries []archive.Entry) []byte {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	c.UseCRLF = true
	_ = c.Write([]string{"time", "utc", "id", "node", "target", "asked", "lost", "sent", "loss_percent", "avg_ms", "verdict", "grade", "freshness",
		"asked_to_first_probe_ms", "source", "event", "reason", "tags", "url"})
	for _, e := range entries {
		var tags []string
		for _, k := range sortedKeys(e.Tags) {
			tags = append(tags, k+"="+e.Tags[k])
		}
		target := ""
		if e.Target.IsValid() {
			target = e.Target.String()
		}
		record := []string{e.At.In(s.Archive.Location()).Format(time.RFC3339Nano), e.At.UTC().Format(time.RFC3339Nano), e.ID.String(), e.Node, target, e.Asked,
			numberCell(e.Lost), numberCell(e.Sent), floatCell(e.Loss()), microCell(e.AvgUS), string(e.Verdict), string(e.Grade), string(e.Freshness),
			floatCell(e.AskedToFirstProbe), e.Source, e.Event, e.Reason, strings.Join(tags, " "), s.reportURL(e)}
		for i := range record {
			record[i] = csvCell(record[i])
		}
		_ = c.Write(record)
	}
	c.Flush() // into memory: cannot fail
	return b.Bytes()
}

// csvCell makes a stranger's words harmless to a spreadsheet, which takes
// a cell that begins so for a formula.
func csvCell(s string) string {
	s = clean(s)
	if s != "" && strings.IndexByte("=+-@", s[0]) >= 0 {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return "'" + s
		}
	}
	return s
}

func numberCell(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func floatCell(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func microCell(us *int64) string {
	if us == nil {
		return ""
	}
	return strconv.FormatFloat(float64(*us)/1000, 'f', -1, 64)
}
