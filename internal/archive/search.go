package archive

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
)

const (
	// maxQuery is longer than anything that can be found.
	maxQuery = 300
	// minIDPart is how much of an ID is looked for: five characters leave
	// nine hours.
	minIDPart = 5
)

// Search finds targets by address, prefix ("203.0.113.0/24") or a part of
// either or of a name; requests and incidents by ID or its beginning, of at
// least five characters; nodes by a part of their name; tags by "key=value"
// or by a part of the value. The best come first: what is so exactly, then
// what begins so. limit is at most how many of them (0: 50).
//
// Targets and IDs are found whatever their age. Names that resolved, nodes
// and tags are known of the days that CountDays has counted, and of the
// newest two.
func (a *Archive) Search(q string, limit int) ([]Hit, error) {
	q = strings.TrimSpace(q)
	if limit <= 0 {
		limit = 50
	}
	if q == "" || len(q) > maxQuery {
		return nil, nil
	}
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	targets, err := a.searchTargets(t, q)
	if err != nil {
		return nil, err
	}
	ids, err := a.searchIDs(t, q, limit)
	if err != nil {
		return nil, err
	}
	names := a.searchNames(q)
	if len(ids)+len(targets)+len(names) == 0 {
		if err := a.learnNewest(); err != nil {
			return nil, err
		}
		names = a.searchNames(q)
	}
	hits := append(append(ids, targets...), names...)
	rank := func(h Hit) int {
		text, part := strings.ToLower(h.Text), strings.ToLower(q)
		switch {
		case text == part || text == targetText(q) || strings.ToLower(h.Detail) == part:
			return 0
		case strings.HasPrefix(text, part):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(rank(a), rank(b)) })
	return hits[:min(limit, len(hits))], nil
}

// searchTargets looks at the names of the targets' directories.
func (a *Archive) searchTargets(t *tree, q string) ([]Hit, error) {
	match := func(text string, _ netip.Addr) bool { return strings.Contains(text, strings.ToLower(q)) }
	if p, err := netip.ParsePrefix(q); err == nil {
		match = func(_ string, addr netip.Addr) bool { return p.Contains(addr) }
	} else if addr, err := netip.ParseAddr(q); err == nil {
		addr = addr.WithZone("").Unmap()
		match = func(_ string, a netip.Addr) bool { return a == addr }
	}
	return a.targetsWhere(t, func(text string, addr netip.Addr) (string, bool) { return "", match(text, addr) }), nil
}

// SearchWhere finds targets by their addresses: those for which match says so,
// with the words that it adds.
func (a *Archive) SearchWhere(match func(netip.Addr) (detail string, ok bool), limit int) ([]Hit, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	hits := a.targetsWhere(t, func(_ string, addr netip.Addr) (string, bool) {
		if !addr.IsValid() {
			return "", false
		}
		return match(addr)
	})
	return hits[:min(limit, len(hits))], nil
}

// targetsWhere is every target that matches by its text or address; a name
// that did not resolve has no address.
func (a *Archive) targetsWhere(t *tree, match func(text string, addr netip.Addr) (detail string, ok bool)) []Hit {
	var hits []Hit
	for _, name := range a.targets.list(t) {
		addr := addressOf(name)
		text := strings.TrimSuffix(name, ".")
		if addr.IsValid() {
			text = addr.String()
		}
		if detail, ok := match(text, addr); ok {
			hits = append(hits, Hit{Kind: HitTarget, Text: text, Detail: detail, Target: text})
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int { return CompareTargets(a.Text, b.Text) })
	return hits
}

// searchNames looks at what was learnt from the days that were counted.
func (a *Archive) searchNames(q string) []Hit {
	part := strings.ToLower(q)
	var hits []Hit
	n := &a.calendar.names
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, known := range n.asked {
		if strings.Contains(name, strings.TrimSuffix(part, ".")) {
			for _, addr := range known.addrs {
				hits = append(hits, Hit{Kind: HitTarget, Text: addr.String(), Detail: name, Target: addr.String(), Day: known.day})
			}
		}
	}
	for node, day := range n.nodes {
		if strings.Contains(strings.ToLower(node), part) {
			hits = append(hits, Hit{Kind: HitNode, Text: node, Day: day})
		}
	}
	for tag, day := range n.tags {
		key, value, _ := strings.Cut(tag, "=")
		if strings.EqualFold(tag, q) || strings.Contains(strings.ToLower(value), part) || strings.EqualFold(key, strings.TrimSuffix(q, "=")) {
			hits = append(hits, Hit{Kind: HitTag, Text: tag, Day: day})
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), b.Day.Compare(a.Day), cmp.Compare(a.Detail, b.Detail), cmp.Compare(a.Text, b.Text))
	})
	return hits
}

// learnNewest takes in the names of the newest two days, unless they were
// counted before.
func (a *Archive) learnNewest() error {
	t, err := a.open()
	if err != nil {
		return ignoreMissing(err)
	}
	days, err := a.Days()
	if err != nil {
		return err
	}
	for _, day := range days[:min(lively, len(days))] {
		if !a.calendar.knows(day) {
			a.countDay(context.Background(), t, day, true)
		}
	}
	return nil
}

// searchIDs finds requests and incidents whose ID begins so.
func (a *Archive) searchIDs(t *tree, q string, limit int) ([]Hit, error) {
	prefix := strings.ToUpper(q)
	low, high, ok := bounds(prefix)
	if !ok || len(prefix) < minIDPart {
		return nil, nil
	}
	from := DateOf(ulid.Time(low.Time()), t.loc).Add(-nearDays)
	to := DateOf(ulid.Time(high.Time()), t.loc).Add(nearDays)
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	var hits []Hit
	for _, day := range days {
		if day.Compare(from) < 0 || day.Compare(to) > 0 {
			continue
		}
		for _, id := range t.incidentNames(a, day) {
			if strings.HasPrefix(id.String(), prefix) {
				if e := a.incidentEntry(t, day, id); e != nil {
					hits = append(hits, Hit{Kind: HitIncident, Text: id.String(), Detail: e.Sentence, ID: id, Day: day})
				}
			}
		}
		found, err := t.idsOf(day, prefix, limit)
		if err != nil && !errors.Is(err, ErrNewer) {
			return nil, err
		}
		for i := range found {
			e := &found[i]
			target := e.Asked
			if e.Target.IsValid() {
				target = e.Target.String()
			}
			hits = append(hits, Hit{Kind: HitReport, Text: e.ID.String(), Detail: string(e.Verdict), Target: target, ID: e.ID, Day: day})
		}
		if len(hits) > limit {
			break
		}
	}
	return hits, nil
}

// idsOf finds lines of a day by the beginning of their ID, without looking
// at the other lines.
func (t *tree) idsOf(day Date, prefix string, limit int) ([]Entry, error) {
	path := day.Path() + "/" + indexName
	f, err := openFile(t.root, path)
	if noIndex(err) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	out, err := findLines(f, []byte("{\"id\":\""+prefix), limit, func(line []byte) (Entry, bool) { return parseEntry(line, day) })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return newestFirst(out), nil
}

// findLines decodes at most limit lines that begin so.
func findLines(f *os.File, begin []byte, limit int, parse func([]byte) (Entry, bool)) ([]Entry, error) {
	buf := make([]byte, 2*maxLineBytes)
	var out []Entry
	n, start := 0, true // of what is in the buffer; whether it begins a line
	for {
		got, err := f.Read(buf[n:])
		n += got
		whole := bytes.LastIndexByte(buf[:n], '\n') + 1
		for rest := buf[:whole]; len(rest) > 0 && len(out) < limit; start = true {
			i := bytes.Index(rest, begin)
			if i < 0 {
				break
			}
			end := i + bytes.IndexByte(rest[i:], '\n')
			if i > 0 && rest[i-1] == '\n' || i == 0 && start {
				if e, ok := parse(rest[i:end]); ok {
					out = append(out, e)
				}
			}
			rest = rest[end+1:]
		}
		switch {
		case whole > 0:
			start = true
		case n == len(buf): // too long for a line of ours
			whole, start = n, false
		}
		n = copy(buf, buf[whole:n])
		if errors.Is(err, io.EOF) || len(out) >= limit {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}
