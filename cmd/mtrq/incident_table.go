package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// table writes rows for people, or for programs with a tab between cells.
// For people there is no head where there is no row.
type table struct {
	w    io.Writer
	tabs *tabwriter.Writer // nil: tsv
	errs []error
}

func newTable(w io.Writer, format string, rows int, head ...string) *table {
	t := &table{w: w}
	if format == "table" {
		t.tabs = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		t.w = t.tabs
	}
	if rows > 0 || t.tabs == nil {
		t.row(head...)
	}
	return t
}

func (t *table) row(cells ...string) {
	for i, cell := range cells {
		cells[i] = report.Printable(cell)
	}
	_, err := fmt.Fprintln(t.w, strings.Join(cells, "\t"))
	t.errs = append(t.errs, err)
}

func (t *table) end() error {
	if t.tabs != nil {
		t.errs = append(t.errs, t.tabs.Flush())
	}
	return errors.Join(t.errs...)
}

// writeJSON writes a list as one object with its schema, or an entry a
// line.
func writeJSON[T any](w io.Writer, format, name string, entries []T) error {
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
	_, err = fmt.Fprintf(w, "{\"schema\":%d,%q:%s}\n", archive.Schema, name, data)
	return err
}
