package archive

import (
	"bytes"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/report"
)

// A matcher judges a table's rows by a filter. Each word is looked at once.
type matcher struct {
	t          *table
	words      []wordTest
	lossAbove  *float64
	from, to   int64
	always     bool // no test but that of time
	timeAlways bool
}

// A wordTest wants that one of up to two columns has a word that passes.
type wordTest struct {
	col  [2][]uint32 // the second may be nil
	test [2]func(word []byte) bool
	memo [2][]verdict // by number of word
}

type verdict uint8

const (
	notLooked verdict = iota
	passes
	fails
)

func newMatcher(t *table, f *Filter) *matcher {
	m := &matcher{t: t, lossAbove: f.LossAbove, from: math.MinInt64, to: math.MaxInt64, timeAlways: f.From.IsZero() && f.To.IsZero()}
	if !f.From.IsZero() {
		m.from = nanos(f.From)
	}
	if !f.To.IsZero() {
		m.to = nanos(f.To)
	}
	want := func(col []uint32, test func([]byte) bool) {
		m.words = append(m.words, wordTest{col: [2][]uint32{col}, test: [2]func([]byte) bool{test}})
	}
	if f.Target != "" {
		m.words = append(m.words, wordTest{
			col: [2][]uint32{t.target, t.asked},
			test: [2]func([]byte) bool{
				func(w []byte) bool { return sameTarget(f.Target, "", addrOf(w)) },
				func(w []byte) bool { return sameTarget(f.Target, string(w), netip.Addr{}) },
			},
		})
	}
	if f.Prefix.IsValid() {
		want(t.target, func(w []byte) bool { return f.Prefix.Contains(addrOf(w)) })
	}
	if f.Node != "" {
		want(t.node, func(w []byte) bool { return string(w) == f.Node })
	}
	if f.Source != "" {
		want(t.source, func(w []byte) bool { return string(w) == f.Source })
	}
	if f.Reason != "" {
		part := []byte(strings.ToLower(f.Reason))
		has := func(w []byte) bool { return bytes.Contains(bytes.ToLower(w), part) }
		m.words = append(m.words, wordTest{col: [2][]uint32{t.reason, t.event}, test: [2]func([]byte) bool{has, has}})
	}
	if len(f.Verdicts) > 0 {
		want(t.class, func(w []byte) bool { return slices.Contains(f.Verdicts, report.Class(w)) })
	}
	if len(f.Freshness) > 0 {
		want(t.fresh, func(w []byte) bool { return slices.Contains(f.Freshness, report.Freshness(w)) })
	}
	if len(f.Tags) > 0 {
		want(t.tags, func(w []byte) bool { return matchTags(f.Tags, tagsOf(w)) })
	}
	for i := range m.words {
		w := &m.words[i]
		w.memo[0] = make([]verdict, t.words.count())
		if w.col[1] != nil {
			w.memo[1] = make([]verdict, t.words.count())
		}
	}
	m.always = len(m.words) == 0 && m.lossAbove == nil
	return m
}

// addrOf is the address in a word of the column target.
func addrOf(w []byte) netip.Addr {
	a, _ := netip.ParseAddr(string(w)) // empty where no address was found
	return a.WithZone("").Unmap()
}

// inTime says whether a row is accepted between From and To.
func (m *matcher) inTime(row uint32) bool {
	return m.timeAlways || m.t.at[row] >= m.from && m.t.at[row] < m.to
}

// rest judges all but the time.
func (m *matcher) rest(row uint32) bool {
	if m.always {
		return true
	}
	if m.lossAbove != nil {
		if l, ok := m.t.loss(row); !ok || !(l > *m.lossAbove) {
			return false
		}
	}
	for i := range m.words {
		if !m.words[i].match(&m.t.words, row) {
			return false
		}
	}
	return true
}

func (w *wordTest) match(words *words, row uint32) bool {
	for i := range w.col {
		if w.col[i] == nil {
			return false
		}
		n := w.col[i][row]
		if w.memo[i][n] == notLooked {
			w.memo[i][n] = fails
			if w.test[i](words.word(n)) {
				w.memo[i][n] = passes
			}
		}
		if w.memo[i][n] == passes {
			return true
		}
	}
	return false
}

// loss is the lost part in percent, false where it is unknown.
func (t *table) loss(row uint32) (float64, bool) {
	if t.lost[row] < 0 || t.sent[row] <= 0 {
		return 0, false
	}
	return 100 * float64(t.lost[row]) / float64(t.sent[row]), true
}
