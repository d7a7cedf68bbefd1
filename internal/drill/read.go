package drill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// watchState is what the node says of its targets; nil: nothing yet.
func (no *node) watchState() (*spool.WatchState, error) {
	data, err := os.ReadFile(filepath.Join(no.dir, "spool", "state", spool.WatchStateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	st := &spool.WatchState{}
	if err := json.Unmarshal(data, st); err != nil {
		return nil, fmt.Errorf("read %s of the node: %w", spool.WatchStateFile, err)
	}
	return st, nil
}

// incidents are those that are open, in order of ID. None closes within a
// drill.
func (no *node) incidents() ([]*report.Incident, error) {
	var out []*report.Incident
	err := eachFile(filepath.Join(no.dir, "spool", "state", "incidents", "*.json"), func(data []byte) error {
		inc, err := report.DecodeIncident(data)
		out = append(out, inc)
		return err
	})
	return out, err
}

// reports are those in the archive, in order of time.
func (no *node) reports() ([]*report.Report, error) {
	var out []*report.Report
	// archive/2026/11/23/14/140532+0000_203.0.113.7_<ULID>.json; incidents lie as deep, their names begin with an ID.
	err := eachFile(filepath.Join(no.dir, "archive", "*", "*", "*", "*", "*_*.json"), func(data []byte) error {
		r, err := report.Decode(bytes.NewReader(data))
		out = append(out, r)
		return err
	})
	return out, err
}

// eachFile reads the files of a pattern, in order of name. One that goes
// meanwhile is left out.
func eachFile(pattern string, read func([]byte) error) error {
	names, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = read(data)
		}
		if err != nil {
			return fmt.Errorf("read %s of the node: %w", filepath.Base(name), err)
		}
	}
	return nil
}
