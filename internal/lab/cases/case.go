package cases

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/report"
)

// A Case is one trace and the truth about it.
type Case struct {
	Name     string           `json:"name"`
	Group    string           `json:"group"` // what sort of trouble: a row of the table that Score makes
	Label    Label            `json:"label"`
	Requests []report.Request `json:"requests"`
	Node     report.Node      `json:"node"`
	Events   []report.Event   `json:"events"`
}

// A Label is what a verdict should say.
type Label struct {
	Class report.Class   `json:"class"`
	Also  []report.Class `json:"also,omitempty"` // right, too: the trace saw too little for more
	// From and To are the TTLs between which the fault lies, 0 this machine; To 0: nowhere.
	From int `json:"from,omitempty"`
	To   int `json:"to,omitempty"`
	// Way is the routers up to the far side of the fault, where paths fork: a stretch that names others is another branch.
	Way []netip.Addr `json:"way,omitempty"`
	// Enough says that the packets suffice to name the place: a verdict that
	// names none is wrong then.
	Enough bool `json:"enough,omitempty"`
	// Innocent says that no line lost anything: a loss must not be spoken of.
	Innocent bool   `json:"innocent,omitempty"`
	Truth    string `json:"truth"` // in words
}

// Fold makes the report of a case.
func (c *Case) Fold() (*report.Report, error) {
	return report.Fold(c.Requests, c.Node, c.Events, report.Options{Versions: report.Versions{MTRQ: "corpus"}})
}

// Write writes cases to a file, one a line, compressed. The same cases make
// the same file.
func Write(file string, all []Case) (err error) {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("write cases: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(z)
	for i := range all {
		if err := enc.Encode(&all[i]); err != nil {
			return fmt.Errorf("write case %s: %w", all[i].Name, err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write cases: %w", err)
	}
	return nil
}

// Read reads a file that Write has written.
func Read(r io.Reader) ([]Case, error) {
	z, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	defer z.Close() // only read from
	var out []Case
	dec := json.NewDecoder(z)
	for {
		var c Case
		switch err := dec.Decode(&c); err {
		case nil:
			out = append(out, c)
		case io.EOF:
			return out, nil
		default:
			return nil, fmt.Errorf("read case %d: %w", len(out), err)
		}
	}
}

// ReadDir reads all cases of a directory, by the names of the files.
func ReadDir(dir string) ([]Case, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(files, strings.Compare)
	var out []Case
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		c, err := Read(f)
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, c...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no cases in %s: go run ./internal/lab/corpus makes them", dir)
	}
	return out, nil
}
