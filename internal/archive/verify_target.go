package archive

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// month holds the files by target of a month to the reports of its days,
// which have been read.
func (v *verifier) month(ctx context.Context, month string, files []string) error {
	seen := map[ulid.ULID]string{}
	for _, p := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := v.target(month, p, seen); err != nil {
			return err
		}
		v.done.Targets++
	}
	for id, k := range v.requests {
		if _, ok := seen[id]; !ok && v.hasReport(k.day, k.file) {
			v.tell(Finding{Kind: NotByTarget, Path: targetDir(k.target) + "/" + month + ".jsonl",
				Detail: fmt.Sprintf("request %s of %s/%s.json has no line", id, k.day.Path(), k.file), month: month})
		}
	}
	return nil
}

// target checks one file.
func (v *verifier) target(month, p string, seen map[ulid.ULID]string) error {
	parse := func(line []byte) (Entry, bool) { return parseMonthEntry(line, month) }
	index, err := v.t.indexLines(p, parse)
	if err == nil && index.there && !index.clean { // a writer may be at work
		err = v.still(func() (err error) { index, err = v.t.indexLines(p, parse); return err })
	}
	if errors.Is(err, ErrNewer) {
		v.tell(Finding{Kind: Newer, Path: p, Detail: err.Error()})
		return nil
	}
	if err != nil || !index.there {
		return err
	}
	found := func(kind FindingKind, format string, args ...any) {
		v.tell(Finding{Kind: kind, Path: p, Detail: fmt.Sprintf(format, args...), month: month})
	}
	if !index.clean {
		found(DamagedIndex, "no first line, lines that cannot be read, or a torn last line")
	}
	name := path.Base(path.Dir(p))
	// Of a name it holds that of the directory, which a long one is cut to.
	if of := index.head.Target; index.head.Schema > 0 && (index.head.Month != month || of != name && dirNameOf(of) != name) {
		found(DamagedIndex, "its first line is of %q in %q", of, index.head.Month)
	}
	if path.Dir(p) != targetDir(name) {
		v.tell(Finding{Kind: Strange, Path: p, Detail: "should be in " + targetDir(name)})
	}
	for _, e := range index.entries {
		if e.Day.Compare(v.since) < 0 {
			continue
		}
		k, ok := v.requests[e.ID]
		_, twice := seen[e.ID]
		switch {
		case twice:
			found(WrongLine, "request %s has a second line", e.ID)
		case dirName(e.Target, e.Asked) != name:
			found(WrongLine, "request %s is of %s", e.ID, e.Asked)
		case ok && !v.says(e, k):
			found(WrongLine, "the line of %s does not say what its report does", e.ID)
		case !ok && v.t.lacksReport(e.Day, e.File):
			found(Dangling, "request %s: there is no %s/%s.json", e.ID, e.Day.Path(), e.File)
			continue
		}
		seen[e.ID] = p
	}
	return nil
}

// incidents reads a day's incidents.
func (v *verifier) incidents(day Date) {
	dir := incidentsDir(day)
	if !v.t.isDir(dir) {
		return
	}
	for _, id := range v.t.incidents(day) {
		v.done.Incidents++
		p := incidentPath(day, id) + "." + IncidentJSON
		inc, err := v.t.incident(day, id)
		switch {
		case errors.Is(err, report.ErrNewerSchema):
			v.tell(Finding{Kind: Newer, Path: p, Detail: err.Error()})
		case err != nil:
			if !v.t.gone(p) {
				v.tell(Finding{Kind: Unreadable, Path: p, Detail: err.Error()})
			}
		default:
			if of := DateOf(inc.Times.Opened, v.t.loc); of != day {
				v.tell(Finding{Kind: Misplaced, Path: p, Detail: "it opened on " + of.String()})
			}
			for _, ending := range []string{IncidentText, IncidentSVG} {
				if v.t.goneOrEmpty(incidentPath(day, id)+"."+ending) && !v.t.gone(p) { // else it was pruned meanwhile
					v.tell(Finding{Kind: NoText, Path: p, Detail: "its ." + ending + " is gone or empty", day: day, incident: id})
				}
			}
		}
	}
	entries, err := readDir(v.t.root, dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		ending := path.Ext(e.Name())
		id, err := ulid.ParseStrict(strings.TrimSuffix(e.Name(), ending))
		switch {
		case strings.HasPrefix(e.Name(), tmpPrefix): // of a writer at work, or Repair's
		case err != nil || !e.Type().IsRegular() || id.String()+ending != e.Name() ||
			ending != "."+IncidentJSON && ending != "."+IncidentText && ending != "."+IncidentSVG:
			v.tell(Finding{Kind: Strange, Path: dir + "/" + e.Name()})
		}
	}
}
