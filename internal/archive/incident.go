package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// incidentsName is the directory of a day's incidents, in the day's
// directory. An incident lies under the day on which it opened.
const incidentsName = "incidents"

// The endings of an incident's files. It is there when its JSON is.
const (
	IncidentJSON = "json"
	IncidentText = "txt"
	IncidentSVG  = "svg"
)

// maxIncidentBytes bounds what is read as an incident: hundreds of targets
// with some minutes of pings each have some MB.
const maxIncidentBytes = 64 << 20

// maxIncidentReports is how many members' reports are read beside an
// incident; the others say the same.
const maxIncidentReports = 8

// noIncident is ErrNotFound in the words of incidents.
type noIncident struct{ ref, why string }

// Error says what was looked for.
func (e noIncident) Error() string { return fmt.Sprintf("find %q: no such incident%s", e.ref, e.why) }

// Is makes it ErrNotFound.
func (noIncident) Is(target error) bool { return target == ErrNotFound }

// Incident reads a closed or interrupted incident by its ID, or by a
// beginning of it that no other incident has. It fails with ErrNotFound or
// *AmbiguousError; one that another mtrq wrote in a later format with
// ErrNewer.
func (a *Archive) Incident(ref string) (*report.Incident, error) {
	t, err := a.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noIncident{ref, ": the archive " + a.dir + " is empty"}
	}
	if err != nil {
		return nil, err
	}
	prefix := strings.ToUpper(ref)
	low, high, ok := bounds(prefix)
	if !ok {
		return nil, noIncident{ref, ": an ID has 26 characters of 0-9 and A-Z without I, L, O and U; a beginning of it is enough"}
	}
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	from := DateOf(ulid.Time(low.Time()), t.loc).Add(-nearDays)
	to := DateOf(ulid.Time(high.Time()), t.loc).Add(nearDays)
	type place struct {
		id  ulid.ULID
		day Date
	}
	var found []place
	for _, day := range days {
		if day.Compare(from) < 0 || day.Compare(to) > 0 {
			continue
		}
		for _, id := range t.incidents(day) {
			if strings.HasPrefix(id.String(), prefix) {
				found = append(found, place{id, day})
			}
		}
		if len(found) > maxAmbiguous {
			break
		}
	}
	switch len(found) {
	case 0:
		return nil, noIncident{ref: ref}
	case 1:
		return a.loadIncident(t, found[0].day, found[0].id)
	}
	e := &AmbiguousError{Ref: ref}
	for _, f := range found[:min(len(found), maxAmbiguous)] {
		e.IDs = append(e.IDs, f.id)
	}
	return nil, e
}

// IncidentFile is one of an incident's files as it was written: ending is
// IncidentJSON, IncidentText or IncidentSVG. A text or picture that is gone
// is made again. It fails with ErrNotFound.
func (a *Archive) IncidentFile(id ulid.ULID, ending string) ([]byte, error) {
	if !slices.Contains([]string{IncidentJSON, IncidentText, IncidentSVG}, ending) {
		return nil, fmt.Errorf("load incident %s: there is no file %q of it: take %q, %q or %q", id, ending, IncidentJSON, IncidentText, IncidentSVG)
	}
	t, err := a.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noIncident{id.String(), ": the archive " + a.dir + " is empty"}
	}
	if err != nil {
		return nil, err
	}
	day, ok := t.incidentDay(id)
	if !ok {
		return nil, noIncident{ref: id.String()}
	}
	data, err := readFile(t.root, incidentPath(day, id)+"."+ending, maxIncidentBytes)
	if ending == IncidentJSON || !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, fmt.Errorf("load incident %s in %s: %w", id, a.dir, err)
		}
		return data, nil
	}
	inc, err := a.loadIncident(t, day, id)
	if err != nil {
		return nil, err
	}
	text, svg := drawIncident(inc, a.IncidentReports(inc), t.loc)
	if ending == IncidentSVG {
		return svg, nil
	}
	return text, nil
}

// IncidentReports loads the first report of each of an incident's first
// members, at most 8. Those that are not there (yet), or cannot be read, are
// left out: an incident stands without them.
func (a *Archive) IncidentReports(inc *report.Incident) []*report.Report {
	t, err := a.open()
	if err != nil {
		return nil
	}
	var out []*report.Report
	tried := 0
	for i := range inc.Members {
		if len(inc.Members[i].Reports) == 0 {
			continue
		}
		if tried++; tried > maxIncidentReports {
			break
		}
		id := inc.Members[i].Reports[0]
		e, ok := a.lookup(t, id)
		if !ok {
			e, ok = t.request(id)
		}
		if ok {
			if r, err := a.Load(e); err == nil {
				out = append(out, r)
			}
		}
	}
	return out
}

// IncidentReportsWith is IncidentReports with traces that still ran when they
// were looked at. One whose report has come since counts as that.
func (a *Archive) IncidentReportsWith(inc *report.Incident, running []*report.Report) []*report.Report {
	out := a.IncidentReports(inc)
	for _, r := range running {
		if !slices.ContainsFunc(out, func(o *report.Report) bool { return o.Evidence.ID == r.Evidence.ID }) {
			out = append(out, r)
		}
	}
	return out
}

// request finds a request by its whole ID, on the likeliest day first.
func (t *tree) request(id ulid.ULID) (Entry, bool) {
	day := DateOf(ulid.Time(id.Time()), t.loc)
	for _, offset := range nearby {
		if entries, err := t.dayWith(day.Add(offset), id.String()); err == nil && len(entries) > 0 {
			return entries[0], true
		}
	}
	return Entry{}, false
}

// nearby are the days around that of an ID, the likeliest first.
var nearby = [2*nearDays + 1]int{0, -1, 1, -2, 2}

// incidentDay says under which day an incident lies.
func (t *tree) incidentDay(id ulid.ULID) (Date, bool) {
	day := DateOf(ulid.Time(id.Time()), t.loc)
	for _, offset := range nearby {
		d := day.Add(offset)
		if !t.isDir(incidentsDir(d)) {
			continue
		}
		if st, err := t.root.Lstat(incidentPath(d, id) + "." + IncidentJSON); err == nil && st.Mode().IsRegular() {
			return d, true
		}
	}
	return Date{}, false
}

// isDir says whether a directory of ours is there; a link to one is not.
func (t *tree) isDir(name string) bool {
	st, err := t.root.Lstat(name)
	return err == nil && st.IsDir()
}

// incidents lists a day's incidents by the names of their files, newest
// first.
func (t *tree) incidents(day Date) []ulid.ULID {
	entries, err := readDir(t.root, incidentsDir(day))
	if err != nil {
		return nil // none that day, or pruned meanwhile
	}
	var out []ulid.ULID
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), "."+IncidentJSON)
		if !ok || !e.Type().IsRegular() {
			continue
		}
		// Small letters would be a second name for the same incident.
		if id, err := ulid.ParseStrict(base); err == nil && id.String() == base {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, func(a, b ulid.ULID) int { return b.Compare(a) })
	return out
}

func (a *Archive) loadIncident(t *tree, day Date, id ulid.ULID) (*report.Incident, error) {
	inc, err := t.incident(day, id)
	if err != nil {
		return nil, fmt.Errorf("load incident %s in %s: %w", id, a.dir, err)
	}
	return inc, nil
}

// incident reads one. What calls itself another one than its file is none.
func (t *tree) incident(day Date, id ulid.ULID) (*report.Incident, error) {
	data, err := readFile(t.root, incidentPath(day, id)+"."+IncidentJSON, maxIncidentBytes)
	if err != nil {
		return nil, err
	}
	inc, err := report.DecodeIncident(data)
	if errors.Is(err, report.ErrNewerSchema) {
		return nil, fmt.Errorf("%w: %w", ErrNewer, err)
	}
	if err != nil {
		return nil, err
	}
	if inc.ID != id {
		return nil, fmt.Errorf("it holds incident %s: the file was copied or renamed", inc.ID)
	}
	return inc, nil
}

// incidentsDir is where a day's incidents are.
func incidentsDir(day Date) string { return day.Path() + "/" + incidentsName }

// incidentPath is where an incident's files are, without ending.
func incidentPath(day Date, id ulid.ULID) string { return incidentsDir(day) + "/" + id.String() }

// drawIncident is the .txt and the .svg of an incident, with times in the
// archive's zone.
func drawIncident(inc *report.Incident, reports []*report.Report, loc *time.Location) (text, svg []byte) {
	in := report.TicketInput{Incident: inc, Reports: reports}.In(loc)
	return []byte(report.IncidentText(in.Incident, in.Reports)), report.IncidentSVG(in.Incident, in.Reports)
}
