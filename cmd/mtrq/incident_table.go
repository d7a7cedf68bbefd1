package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// table writes rows for people, or for programs with a tab between cells.
// For people there is no head where there is no row.
type table struct {
	w      io.Writer
	people bool
	rows   [][]string // for people, the head first
	shrink shrink
	stderr io.Writer // hears what a terminal has no room for
	errs   []error
}

func newTable(w io.Writer, format string, rows int, head ...string) *table {
	t := &table{w: w, people: format == "table"}
	if rows > 0 || !t.people {
		t.row(head...)
	}
	return t
}

// fit makes the table as narrow as the terminal, if it goes to one: see shrink.
func (t *table) fit(c *cli.Context, to func(width int) shrink) {
	t.stderr = c.App.ErrWriter
	if t.people && isTerminal(t.w) {
		width, _ := (&screen{w: t.w}).size()
		t.shrink = to(width)
	}
}

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = report.Printable(cell)
	}
	if t.people {
		t.rows = append(t.rows, cells)
		return
	}
	t.write(t.w, cells)
}

func (t *table) write(w io.Writer, cells []string) {
	_, err := fmt.Fprintln(w, strings.Join(cells, "\t"))
	t.errs = append(t.errs, err)
}

func (t *table) end() error {
	if t.people {
		tabs := tabwriter.NewWriter(t.w, 0, 0, tableGap, ' ', 0)
		head := slices.Concat(t.rows[:min(1, len(t.rows))]...) // none where there is no row
		rows := t.shrink.rows(t.rows)
		for _, cells := range rows {
			t.write(tabs, cells)
		}
		t.errs = append(t.errs, tabs.Flush())
		if len(rows) > 0 && len(rows[0]) < len(head) {
			fmt.Fprintf(t.stderr, "mtrq: left out for want of width: %s (--format tsv has all)\n", strings.Join(leftOut(head, rows[0]), ", "))
		}
	}
	return errors.Join(t.errs...)
}

// writeJSON writes a list as one object with its schema, or an entry a
// line.
func writeJSON[T any](w io.Writer, format, name string, entries []T) error {
	return writePart(w, format, name, entries, false)
}

// writePart is writeJSON of a list that may have been cut at a limit; more
// says that it was.
func writePart[T any](w io.Writer, format, name string, entries []T, more bool) error {
	enc := json.NewEncoder(w)
	if format == "jsonl" {
		for _, e := range entries {
			if err := enc.Encode(e); err != nil {
				return err
			}
		}
		return nil
	}
	if entries == nil {
		entries = []T{}
	}
	data, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	end := "}"
	if more {
		end = `,"more":true}`
	}
	_, err = fmt.Fprintf(w, "{\"schema\":%d,%q:%s%s\n", archive.Schema, name, data, end)
	return err
}

// cut takes a list that was asked for one more than the limit back to it.
func cut[T any](entries []T, limit int) (_ []T, more bool) {
	if limit > 0 && len(entries) > limit {
		return entries[:limit], true
	}
	return entries, false
}

// oneMore is the limit that shows whether there is more than the limit.
func oneMore(limit int) int {
	if limit > 0 {
		return limit + 1
	}
	return limit
}

// sayMore says that a list was cut, unless who asked for it set the limit.
func sayMore(c *cli.Context, more bool, limit int) {
	if more && !c.IsSet("limit") {
		note(c, "only the newest %d are shown: -n 0 shows all", limit)
	}
}
