package archive

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// day checks a day: what lies in its directory, its reports, its index.
func (v *verifier) day(ctx context.Context, day Date) error {
	suspicious := v.names(day)
	var files []string
	// Hours that cannot be listed were told of by names.
	if _, err := v.t.eachReport(day, func(file string, _ parsedName) { files = append(files, file) }); err != nil {
		return err
	}
	slices.Sort(files)
	reports, err := v.read(ctx, day, files)
	if err != nil {
		return err
	}
	requests := map[ulid.ULID]kept{}
	unread := map[string]bool{}
	for _, file := range files {
		r, ok := reports[file]
		if !ok {
			continue // pruned meanwhile
		}
		v.done.Reports++
		p := day.Path() + "/" + file + ".json"
		if r.err != nil {
			unread[file] = true
			kind := Unreadable
			if errors.Is(r.err, report.ErrNewerSchema) {
				kind = Newer
			}
			v.tell(Finding{Kind: kind, Path: p, Detail: r.err.Error(), file: file})
			continue
		}
		if r.name != p {
			v.tell(Finding{Kind: Misnamed, Path: p, Detail: "should be " + r.name, day: day, file: file})
		}
		for _, q := range r.requests {
			v.done.Requests++
			if was, ok := v.known(q.id, requests); ok {
				v.tell(Finding{Kind: Doubled, Path: p, Detail: fmt.Sprintf("request %s is also in %s/%s.json", q.id, was.day.Path(), was.file)})
				continue
			}
			requests[q.id] = q.kept
		}
	}
	for id, k := range requests {
		v.requests[id] = k
	}
	if v.last = append(v.last, requests); len(v.last) > 2*nearDays {
		v.last = v.last[1:]
	}
	var index oldIndex
	err = v.still(func() (err error) {
		index, err = v.t.indexLines(day.Path()+"/"+indexName, func(line []byte) (Entry, bool) { return parseEntry(line, day) })
		return err
	})
	if errors.Is(err, ErrNewer) {
		v.tell(Finding{Kind: Newer, Path: day.Path() + "/" + indexName, Detail: err.Error()})
		return nil
	}
	if err != nil {
		return err
	}
	v.index(day, index, requests, unread)
	for _, f := range suspicious { // what is still so now that no writer was at work
		if !v.t.gone(f.Path) && v.stillAlone(f) {
			v.tell(f)
		}
	}
	v.incidents(day)
	return nil
}

// reading is what is needed of a report that was read.
type reading struct {
	requests []request
	name     string // that it should have, below the archive
	err      error
}

type request struct {
	id ulid.ULID
	kept
}

// read reads reports of a day.
func (v *verifier) read(ctx context.Context, day Date, files []string) (map[string]reading, error) {
	out := make(map[string]reading, len(files))
	var mu sync.Mutex
	err := v.t.readReports(ctx, day, files, func(file string, data []byte, err error) {
		r := reading{err: err}
		if err == nil {
			v.take(&r, data, day, file)
		}
		mu.Lock()
		defer mu.Unlock()
		out[file] = r
	})
	return out, err
}

func (v *verifier) take(r *reading, data []byte, day Date, file string) {
	rep, err := decodeReport(data)
	if err != nil {
		r.err = err
		return
	}
	ev := &rep.Evidence
	at := ev.Times.Accepted.In(v.t.loc)
	r.name = DateOf(at, v.t.loc).Path() + "/" + fileName(at, dirName(ev.Target.Address, ev.Target.Asked), ev.ID) + ".json"
	for _, e := range entriesOf(rep, day, file, v.t.loc) {
		k := kept{day: day, file: file, target: dirName(e.Target, e.Asked), lines: v.sums(e, ev.Target.Asked)}
		r.requests = append(r.requests, request{e.ID, k})
	}
}

// sums are those of a line as it is written now, and as older mtrqs wrote it:
// with the mean as its only RTT, and with what the trace was made for in
// place of what a request that joined it asked for.
func (v *verifier) sums(e Entry, traced string) [4]uint64 {
	mean := e
	mean.MinUS, mean.MedianUS, mean.MaxUS = nil, nil, nil
	line, old := v.sum(e), v.sum(mean)
	if e.Asked == traced {
		return [4]uint64{line, old, line, old}
	}
	e.Asked, mean.Asked = traced, traced
	return [4]uint64{line, old, v.sum(e), v.sum(mean)}
}

// sum is a sum of what a line says to who reads it: of the line as it would
// be written now, so that no field is forgotten, and none counts that another
// mtrq has added.
func (v *verifier) sum(e Entry) uint64 {
	e.sane()
	line, err := appendLine(nil, e, "")
	if err != nil {
		return 0 // of a time that no line can hold
	}
	return maphash.Bytes(v.seed, line)
}

// says whether a line says what it must.
func (v *verifier) says(e Entry, k kept) bool {
	return e.Day == k.day && slices.Contains(k.lines[:], v.sum(e))
}

// hasReport says whether a report is surely there.
func (v *verifier) hasReport(day Date, file string) bool {
	has, err := v.t.hasReport(day, file)
	return has && err == nil
}

// known finds a request among this day's, this month's, and those of the
// days before.
func (v *verifier) known(id ulid.ULID, today map[ulid.ULID]kept) (kept, bool) {
	if k, ok := today[id]; ok {
		return k, true
	}
	if k, ok := v.requests[id]; ok {
		return k, true
	}
	for _, day := range v.last {
		if k, ok := day[id]; ok {
			return k, true
		}
	}
	return kept{}, false
}

// index holds a day's lines to its reports.
func (v *verifier) index(day Date, index oldIndex, want map[ulid.ULID]kept, unread map[string]bool) {
	p := day.Path() + "/" + indexName
	found := func(kind FindingKind, format string, args ...any) {
		v.tell(Finding{Kind: kind, Path: p, Detail: fmt.Sprintf(format, args...), day: day})
	}
	if index.there && !index.clean {
		found(DamagedIndex, "no first line, lines that cannot be read, or a torn last line")
	}
	if index.head.Schema > 0 && index.head.Day != day.String() {
		found(DamagedIndex, "its first line is of day %q", index.head.Day)
	}
	seen := map[ulid.ULID]struct{}{}
	for _, e := range index.entries {
		if _, twice := seen[e.ID]; twice {
			found(WrongLine, "request %s has two lines", e.ID)
			continue
		}
		seen[e.ID] = struct{}{}
		k, ok := want[e.ID]
		switch {
		case ok && !v.says(e, k):
			found(WrongLine, "the line of %s does not say what its report does", e.ID)
		case !ok && !unread[e.File] && v.t.lacksReport(day, e.File):
			found(Dangling, "request %s: there is no %s.json", e.ID, e.File)
		}
	}
	for id, k := range want {
		if _, ok := seen[id]; !ok && v.hasReport(day, k.file) { // else it was pruned meanwhile
			found(NotListed, "request %s of %s.json has no line", id, k.file)
		}
	}
}

// names looks at the names in a day's directory. What may only be
// unfinished is returned, to be looked at again.
func (v *verifier) names(day Date) (suspicious []Finding) {
	entries, err := readDir(v.t.root, day.Path())
	if err != nil {
		return nil // pruned meanwhile
	}
	for _, e := range entries {
		p := day.Path() + "/" + e.Name()
		hour, isPack := strings.CutSuffix(e.Name(), packEnding)
		switch {
		case e.Name() == indexName || e.Name() == suspectsName:
			if !e.Type().IsRegular() {
				v.tell(Finding{Kind: Strange, Path: p, Detail: "is no regular file"})
			}
		case e.Name() == incidentsName && e.IsDir():
		case isHour(hour) && isPack && e.Type().IsRegular():
			suspicious = append(suspicious, v.pack(day, hour)...)
		case isHour(hour) && !isPack && e.IsDir():
			suspicious = append(suspicious, v.hour(day, hour)...)
		case strings.HasPrefix(e.Name(), tmpPrefix):
			suspicious = append(suspicious, Finding{Kind: Leftover, Path: p, Detail: "never finished"})
		default:
			v.tell(Finding{Kind: Strange, Path: p})
		}
	}
	return suspicious
}

// hour looks at the names of an hour.
func (v *verifier) hour(day Date, hour string) (suspicious []Finding) {
	entries, err := readDir(v.t.root, day.Path()+"/"+hour)
	if err != nil {
		if ignoreStrange(err) != nil { // else pruned meanwhile
			v.tell(Finding{Kind: Unreadable, Path: day.Path() + "/" + hour, Detail: err.Error()})
		}
		return nil
	}
	for _, e := range entries {
		p := day.Path() + "/" + hour + "/" + e.Name()
		ending := path.Ext(e.Name())
		file := hour + "/" + strings.TrimSuffix(e.Name(), ending)
		_, ours := parseName(day, file)
		switch {
		case strings.HasPrefix(e.Name(), tmpPrefix):
			suspicious = append(suspicious, Finding{Kind: Leftover, Path: p, Detail: "never finished"})
		case !ours || !e.Type().IsRegular() || ending != ".json" && ending != ".txt":
			v.tell(Finding{Kind: Strange, Path: p})
		case ending == ".txt" && v.t.lacksReport(day, file):
			suspicious = append(suspicious, Finding{Kind: Leftover, Path: p, Detail: "the text of a report that never got there", day: day, file: file})
		case ending == ".json" && v.t.lacksText(day, file):
			suspicious = append(suspicious, Finding{Kind: NoText, Path: p, Detail: "its .txt is gone or empty", day: day, file: file})
		}
	}
	return suspicious
}

// stillAlone looks again at what hour has found.
func (v *verifier) stillAlone(f Finding) bool {
	switch {
	case f.Kind == NoText:
		return v.t.lacksText(f.day, f.file)
	case f.file != "":
		return v.t.lacksReport(f.day, f.file)
	}
	return v.quiet() // a prune or a reindex has such files while it works
}

// pack reads every member of a zip, so that each is held to its checksum.
// Those that are reports are read again as such.
func (v *verifier) pack(day Date, hour string) (suspicious []Finding) {
	name := day.Path() + "/" + hour + packEnding
	p, err := openPack(v.t.root, day.Path(), hour)
	if err != nil {
		if !v.t.gone(name) {
			v.tell(Finding{Kind: Unreadable, Path: name, Detail: err.Error()})
		}
		return nil
	}
	defer p.close() // only read from
	texts := map[string]bool{}
	for _, m := range p.File {
		if file, ok := strings.CutSuffix(m.Name, ".txt"); ok && m.UncompressedSize64 > 0 {
			texts[file] = true
		}
	}
	for _, m := range p.File {
		ending := path.Ext(m.Name)
		file := strings.TrimSuffix(m.Name, ending)
		if _, ok := parseName(day, file); !ok || ending != ".json" && ending != ".txt" {
			v.tell(Finding{Kind: Strange, Path: name, Detail: fmt.Sprintf("it holds %q", m.Name)})
			continue
		}
		if ending == ".txt" { // its JSON is read with the reports
			if _, err := readMember(m); err != nil {
				v.tell(Finding{Kind: Unreadable, Path: name, Detail: err.Error()})
			}
		} else if !texts[file] && v.t.gone(day.Path()+"/"+m.Name) { // else hour tells
			suspicious = append(suspicious, Finding{Kind: NoText, Path: name, Detail: fmt.Sprintf("the .txt of %s is gone or empty", m.Name), day: day, file: file})
		}
	}
	return suspicious
}
