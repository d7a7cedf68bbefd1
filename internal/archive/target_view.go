package archive

import (
	"errors"
	"io/fs"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxBuckets bounds the stretches of a history: more than there are pixels
// show nothing more.
const maxBuckets = 4000

// ViewTarget shows what was asked for a target, an address or a name,
// between two times (zero: from its first report, to its last), with the
// history in so many buckets. For a name that resolved it is what was asked
// for under that name, as far as it is known to which addresses it led: see
// CountDays. A target that is not there has an empty view.
func (a *Archive) ViewTarget(target string, from, to time.Time, buckets int, v View) (*TargetView, error) {
	out := &TargetView{Target: targetText(target), Tag: tagOf()}
	t, err := a.open()
	if err != nil {
		if ignoreMissing(err) != nil {
			return nil, err
		}
		return out, nil
	}
	dirs, err := a.targetDirs(t, target)
	if err != nil {
		return nil, err
	}
	view := func() error {
		h := history{a: a, t: t, from: from, to: to, v: &v, named: Filter{Target: out.Target}}
		defer h.close()
		if err := h.open(dirs); err != nil {
			return err
		}
		return h.view(out, buckets)
	}
	if err = view(); errors.Is(err, errStale) {
		for _, dir := range dirs {
			for _, month := range months(t.root, dir) {
				a.tables.drop(dir + "/" + month + ".jsonl")
			}
		}
		err = view()
	}
	if err != nil {
		return nil, err
	}
	if out.Incidents, err = a.incidentsOf(t, target, from, to); err != nil {
		return nil, err
	}
	for _, e := range out.Incidents {
		out.Tag = tagOf(out.Tag, e.ID)
	}
	return out, nil
}

// targetText is a target as it is written here.
func targetText(target string) string {
	if addr, err := netip.ParseAddr(target); err == nil {
		return addr.WithZone("").Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(target, "."))
}

// targetDirs are the directories that may hold what was asked for a target.
func (a *Archive) targetDirs(t *tree, target string) ([]string, error) {
	own := dirNameOf(target)
	dirs := []string{own}
	if _, err := netip.ParseAddr(target); err != nil {
		addrs, err := a.addressesOf(target)
		if err != nil {
			return nil, err
		}
		for _, addr := range addrs {
			dirs = append(dirs, dirName(addr, ""))
		}
	}
	var out []string
	for _, name := range dirs {
		dir := targetDir(name)
		if t.isDir("target") && t.isDir("target/"+hash2(name)) && t.isDir(dir) {
			out = append(out, dir)
		}
	}
	return out, nil
}

// A history is the files of a target as a view needs them.
type history struct {
	a        *Archive
	t        *tree
	from, to time.Time
	v        *View
	named    Filter // what an address's file holds under the name, where it is one

	s       sources
	mine    []*matcher // by source
	first   int64      // ns since 1970, of all there is
	last    int64
	tags    []any
	outside sources // files looked at for first and last only
}

func (h *history) close() {
	h.s.close()
	h.outside.close()
}

// open reads the months that may hold something of the time asked for, and
// the first and the last one.
func (h *history) open(dirs []string) error {
	h.first, h.last = math.MaxInt64, math.MinInt64
	q := Query{Since: h.from, Until: h.to}
	for _, dir := range dirs {
		list := months(h.t.root, dir)
		for i, month := range list {
			begin, err := ParseDate(month + "-01")
			if err != nil {
				continue
			}
			end := lastOf(begin)
			inside := q.mayHold(begin, h.t.loc) || q.mayHold(end, h.t.loc) || q.inside(begin, end, h.t.loc)
			if !inside && i > 0 && i < len(list)-1 {
				continue
			}
			tb, f, err := h.a.monthTable(h.t, dir, month)
			if errors.Is(err, fs.ErrNotExist) {
				continue // pruned meanwhile
			}
			if err != nil {
				return err
			}
			x := source{tb, f, newMatcher(tb, &h.v.Filter)}
			mine := newMatcher(tb, &h.named)
			for row := range tb.rows() {
				if mine.rest(uint32(row)) {
					h.first, h.last = min(h.first, tb.at[row]), max(h.last, tb.at[row])
				}
			}
			if !inside {
				h.outside = append(h.outside, x)
				continue
			}
			h.s, h.mine = append(h.s, x), append(h.mine, mine)
			h.tags = append(h.tags, dir, month, tb.tag())
		}
	}
	// Two addresses of a name: their months are mixed.
	if len(dirs) > 1 {
		order := make([]int, len(h.s))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(h.s[a].t.month, h.s[b].t.month) })
		s, mine := make(sources, 0, len(h.s)), make([]*matcher, 0, len(h.s))
		for _, i := range order {
			s, mine = append(s, h.s[i]), append(mine, h.mine[i])
		}
		h.s, h.mine = s, mine
	}
	return nil
}

// view fills in all but the incidents.
func (h *history) view(out *TargetView, buckets int) error {
	if h.first > h.last {
		out.First, out.Last = time.Time{}, time.Time{}
		out.Tag = tagOf(h.tags...)
		return nil
	}
	out.First, out.Last = time.Unix(0, h.first).In(h.t.loc), time.Unix(0, h.last).In(h.t.loc)
	from, to := h.first, h.last+1
	if !h.from.IsZero() {
		from = nanos(h.from)
	}
	if !h.to.IsZero() {
		to = nanos(h.to)
	}
	inside := func(p place) bool {
		at := h.s[p.src].t.at[p.row]
		return at >= from && at < to && h.mine[p.src].rest(p.row)
	}
	matches := func(p place) bool {
		m := h.s[p.src].m
		return inside(p) && m.inTime(p.row) && m.rest(p.row)
	}
	rows := h.s.all(inside)
	out.Total = len(rows)
	n := 0
	for _, p := range rows {
		if m := h.s[p.src].m; m.inTime(p.row) && m.rest(p.row) {
			rows[n] = p
			n++
		}
	}
	rows = rows[:n]
	out.Matching = n
	out.Buckets = h.s.buckets(rows, matches, from, to, buckets, h.t.loc)
	out.Tag = tagOf(append(h.tags, from, to, buckets)...)
	var err error
	out.Entries, err = h.s.read(h.s.page(rows, h.v))
	return err
}

// buckets parts a time into so many stretches of the same length; the last
// one may reach some ns further.
func (s sources) buckets(rows []place, passed func(place) bool, from, to int64, n int, loc *time.Location) []Bucket {
	n = min(n, maxBuckets)
	if n <= 0 || to <= from || to-from <= 0 { // the last where it is too long for int64
		return nil
	}
	length := max(1, (to-from-1)/int64(n)+1)
	out := make([]Bucket, n)
	medians := make([][]int32, n)
	for i := range out {
		out[i].Start, out[i].Length = time.Unix(0, from+int64(i)*length).In(loc), time.Duration(length)
	}
	s.eachReport(rows, passed, func(p place) {
		t := s[p.src].t
		i := min(max((t.at[p.row]-from)/length, 0), int64(n-1))
		b := &out[i]
		b.Reports++
		if l, ok := t.loss(p.row); ok {
			b.Lost, b.Sent = b.Lost+int(t.lost[p.row]), b.Sent+int(t.sent[p.row])
			if b.WorstLoss == nil || l > *b.WorstLoss {
				b.WorstLoss = &l
			}
		} else {
			b.Unknown++
		}
		r := t.rtt[p.row]
		if r.min >= 0 && (b.RTTMin == nil || us(r.min) < *b.RTTMin) {
			d := us(r.min)
			b.RTTMin = &d
		}
		if r.max >= 0 && (b.RTTMax == nil || us(r.max) > *b.RTTMax) {
			d := us(r.max)
			b.RTTMax = &d
		}
		if r.median >= 0 {
			medians[i] = append(medians[i], r.median)
		}
	})
	for i, m := range medians {
		if len(m) > 0 {
			slices.Sort(m)
			d := us(m[(len(m)-1)/2])
			out[i].RTTMedian = &d
		}
	}
	return out
}

func us(v int32) time.Duration { return time.Duration(v) * time.Microsecond }
