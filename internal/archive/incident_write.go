package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/durable"
	"github.com/mtrq/mtrq/report"
)

// incidentFile is one file of an incident on its way.
type incidentFile struct {
	ending string
	data   []byte
	err    error
}

// WriteIncident keeps an incident that is over, as JSON, text and picture,
// under the day on which it opened. When it returns nil the files have
// reached the disk. One that is there already stays as it is, whatever the
// new one says, so WriteIncident can be called again after an error. Reports
// of its members that are in the archive by now go into text and picture.
func (w *Writer) WriteIncident(inc *report.Incident) error {
	err := w.writeIncident(inc)
	if err != nil {
		return fmt.Errorf("archive incident %s in %s: %w", inc.ID, w.dir, err)
	}
	return nil
}

func (w *Writer) writeIncident(inc *report.Incident) error {
	if inc.ID.IsZero() || inc.Times.Opened.IsZero() {
		return errors.New("it has no ID or no time of opening")
	}
	if inc.State != report.IncidentClosed && inc.State != report.IncidentInterrupted {
		return fmt.Errorf("it is %q: only what is over is kept, since it never changes again", inc.State)
	}
	day := DateOf(inc.Times.Opened, w.tree.loc)
	ofID := DateOf(ulid.Time(inc.ID.Time()), w.tree.loc)
	if day.Compare(ofID.Add(-nearDays)) < 0 || day.Compare(ofID.Add(nearDays)) > 0 {
		// Readers look for it near the time in its ID.
		return fmt.Errorf("it opened on %s and its ID is of %s: give an incident the ID of its opening", day, ofID)
	}
	var files []*incidentFile
	if _, there := w.tree.incidentDay(inc.ID); !there { // else there is nothing to draw
		var err error
		if files, err = w.drawFiles(inc); err != nil {
			return err
		}
	}
	w.commits.Lock()
	defer w.commits.Unlock()
	return w.locked(func() error { return w.putIncident(day, inc.ID, files) })
}

// drawFiles makes the files of an incident, the JSON last.
func (w *Writer) drawFiles(inc *report.Incident) ([]*incidentFile, error) {
	var buf bytes.Buffer
	if err := report.EncodeIncident(&buf, inc); err != nil {
		return nil, err
	}
	text, svg := drawIncident(inc, w.IncidentReports(inc), w.tree.loc)
	return []*incidentFile{
		{ending: IncidentText, data: text},
		{ending: IncidentSVG, data: svg},
		{ending: IncidentJSON, data: buf.Bytes()},
	}, nil
}

// putIncident makes an incident durable: text and picture get their names
// before the JSON, with which it is there.
func (w *Writer) putIncident(day Date, id ulid.ULID, files []*incidentFile) error {
	if at, ok := w.tree.incidentDay(id); ok {
		// Its name may be only in the memory of a writer that died.
		return errors.Join(w.mkdir(incidentsDir(at)), w.syncDir(incidentsDir(at)))
	}
	if len(files) == 0 {
		return errors.New("it was pruned just now: write it again")
	}
	if err := w.marks.add(day); err != nil {
		return err
	}
	into := incidentsDir(day)
	if err := w.mkdir(into); err != nil {
		return err
	}
	if !w.tree.isDir(into) {
		return fmt.Errorf("write into %s: is no directory: move it away", into)
	}
	if err := w.at("incident begun"); err != nil {
		return err
	}
	tmp := tmpPrefix + ulid.Make().String()
	parallel(files, func(f *incidentFile) { f.err = durable.WriteNew(w.tree.root, into+"/"+tmp+"."+f.ending, f.data, 0o644) })
	err := w.at("incident written")
	for _, f := range files {
		err = errors.Join(err, f.err)
	}
	if err == nil {
		err = w.nameIncident(into, tmp, id, files)
	}
	if err != nil {
		return errors.Join(err, w.discardIncident(into, tmp, files))
	}
	return nil
}

// nameIncident gives written files their names. A text or picture without
// JSON is of an attempt that nobody was told of, and is replaced.
func (w *Writer) nameIncident(into, tmp string, id ulid.ULID, files []*incidentFile) error {
	dir, err := w.tree.root.Open(into)
	if err != nil {
		return err
	}
	for _, f := range files {
		from, to := tmp+"."+f.ending, id.String()+"."+f.ending
		if f.ending == IncidentJSON {
			err = renameNew(dir, from, to)
		} else {
			err = w.tree.root.Rename(into+"/"+from, into+"/"+to)
		}
		if err == nil {
			err = w.at("incident named ." + f.ending)
		}
		if err != nil {
			return errors.Join(err, dir.Close())
		}
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// discardIncident removes what is left of an attempt.
func (w *Writer) discardIncident(into, tmp string, files []*incidentFile) error {
	var errs []error
	for _, f := range files {
		if err := w.tree.root.Remove(into + "/" + tmp + "." + f.ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
