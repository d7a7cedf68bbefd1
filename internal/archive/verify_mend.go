package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Mend does what can be done about findings, and returns for how many it
// knew something. Verify again to see what is left.
func (w *Writer) Mend(ctx context.Context, findings []Finding) (tried int, err error) {
	days, months := map[Date]struct{}{}, map[string]struct{}{}
	repair := false
	err = w.maintain(func() error {
		var errs []error
		for _, f := range findings {
			if err := ctx.Err(); err != nil {
				return err
			}
			tried++
			switch f.Kind {
			case Misnamed:
				to, err := w.nameRight(f)
				errs = append(errs, err)
				if err == nil {
					days[f.day], days[to] = struct{}{}, struct{}{}
				}
			case NoText:
				if f.file != "" {
					errs = append(errs, w.writeText(f))
				} else {
					errs = append(errs, w.drawAgain(f))
				}
			case Leftover:
				errs = append(errs, w.removeLeftover(f))
			case DeadWriter:
				repair = true
			case NotListed, NotByTarget, WrongLine, Dangling, DamagedIndex:
				if f.day != (Date{}) {
					days[f.day] = struct{}{}
				}
				if f.month != "" {
					months[f.month] = struct{}{}
				}
			case Unfinished: // below
			default:
				tried--
			}
		}
		var pruned Pruned
		errs = append(errs, w.emptyTrash(ctx, &pruned))
		var done Reindexed
		var list []Date
		for day := range days {
			list = append(list, day)
		}
		slices.SortFunc(list, Date.Compare)
		errs = append(errs, w.reindex(ctx, list, months, nil, &done))
		return errors.Join(errs...)
	})
	if repair {
		_, e := w.Repair()
		err = errors.Join(err, e)
	}
	if err != nil {
		err = fmt.Errorf("mend archive %s: %w", w.dir, err)
	}
	return tried, err
}

// nameRight gives a report the name that fits what it holds. It returns the
// day that it is under then.
func (w *Writer) nameRight(f Finding) (Date, error) {
	data, err := w.tree.readReport(f.day, f.file, ".json")
	if err != nil {
		return Date{}, ignoreMissing(err)
	}
	r, err := decodeReport(data)
	if err != nil {
		return Date{}, err
	}
	at := r.Evidence.Times.Accepted.In(w.tree.loc)
	day, file := DateOf(at, w.tree.loc), fileName(at, dirName(r.Evidence.Target.Address, r.Evidence.Target.Asked), r.Evidence.ID)
	return day, w.exclusive(func() error {
		if has, err := w.tree.hasReport(day, file); err != nil {
			return err
		} else if has {
			return fmt.Errorf("%s: %w: %s/%s.json", f.Path, ErrExists, day.Path(), file)
		}
		from, to := f.day.Path()+"/"+f.file, day.Path()+"/"+file
		if w.tree.gone(from + ".json") {
			return fmt.Errorf("%s is in a zip: unzip it, and verify again", f.Path)
		}
		if err := w.mkdir(to[:len("2026/11/23/14")]); err != nil {
			return err
		}
		// The text first: a report is there when its JSON is.
		for _, ending := range []string{".txt", ".json"} {
			if err := w.tree.root.Rename(from+ending, to+ending); err != nil && (ending == ".json" || !errors.Is(err, fs.ErrNotExist)) {
				return err
			}
		}
		return errors.Join(w.syncDir(to[:len("2026/11/23/14")]), w.syncDir(from[:len("2026/11/23/14")]))
	})
}

// writeText makes a report's text again. That of a report in a zip comes
// beside it, with the JSON, and into it with the next prune.
func (w *Writer) writeText(f Finding) error {
	data, err := w.tree.readReport(f.day, f.file, ".json")
	if err != nil {
		return ignoreMissing(err)
	}
	r, err := decodeReport(data)
	if err != nil {
		return nil // which is a finding of its own
	}
	return w.exclusive(func() error {
		p := f.day.Path() + "/" + f.file
		if !w.tree.lacksText(f.day, f.file) || w.tree.lacksReport(f.day, f.file) {
			return nil
		}
		if err := errors.Join(w.mkdir(path.Dir(p)), w.replace(p+".txt", textOf(r, w.tree.loc))); err != nil || !w.tree.gone(p+".json") {
			return err
		}
		return w.replace(p+".json", data)
	})
}

// drawAgain makes an incident's text and picture again, whichever is gone.
func (w *Writer) drawAgain(f Finding) error {
	p := incidentPath(f.day, f.incident)
	inc, err := w.tree.incident(f.day, f.incident)
	if err != nil {
		return ignoreMissing(err)
	}
	text, svg := drawIncident(inc, w.IncidentReports(inc), w.tree.loc)
	return w.exclusive(func() error {
		for ending, data := range map[string][]byte{IncidentText: text, IncidentSVG: svg} {
			if w.tree.gone(p+"."+IncidentJSON) || !w.tree.goneOrEmpty(p+"."+ending) {
				continue
			}
			if err := w.replace(p+"."+ending, data); err != nil {
				return err
			}
		}
		return nil
	})
}

// removeLeftover removes what was never finished.
func (w *Writer) removeLeftover(f Finding) error {
	return w.exclusive(func() error {
		if f.file != "" && (!strings.HasSuffix(f.Path, ".txt") || !w.tree.lacksReport(f.day, f.file)) {
			return nil
		}
		if err := w.tree.root.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}
