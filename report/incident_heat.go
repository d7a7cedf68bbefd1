package report

import (
	"fmt"
	"net/netip"
	"time"
)

// A heatRow is a TTL on the way to the first member: what was asked and
// lost in each stretch of time.
type heatRow struct {
	ttl     int
	addr    netip.Addr // that answered last; invalid: none ever did
	more    int        // further addresses
	limited bool
	target  bool
	sent    []int
	lost    []int
}

// heat draws the hops on the way to a member as its reports saw them.
func (p *picture) heat(m *Member) {
	reports := p.reportsOf(m)
	p.gap[0] = p.y
	p.y += 14
	if len(reports) == 0 {
		p.text(p.left, p.y, 11, inkSoft, "start", p.say("No trace of %s is at hand.", short(m.name(), 60)))
		p.y += 8
		p.gap[1] = p.y
		return
	}
	step := stepFor(p.to.Sub(p.from), 90)
	rows, hidden := p.heatRows(reports, step)
	if p.Narrow {
		p.text(p.left, p.y, 11, inkDark, "start", p.say("Hops (traces: %d)", len(reports)))
	} else {
		p.text(p.left-8, p.y, 11, inkDark, "end", p.say("Hops (traces: %d)", len(reports)))
		p.text(p.left, p.y, 11, inkDark, "start", p.say("packets lost at each hop on the way to %s, by %s; the last row is what counts", middle(m.name(), 38), lasting(step)))
	}
	p.y += 6
	p.gap[1] = p.y
	for _, r := range rows {
		p.hop(r, step)
	}
	if hidden > 0 {
		p.more(p.say("hops not shown: %d", hidden))
	}
	p.y += 3
}

// heatRows are the hops by TTL, and the target last, wherever it is.
func (p *canvas) heatRows(reports []*Report, step time.Duration) (rows []*heatRow, hidden int) {
	cells := int((p.to.Sub(p.from) + step - 1) / step)
	fresh := func(ttl int) *heatRow { return &heatRow{ttl: ttl, sent: make([]int, cells), lost: make([]int, cells)} }
	target := fresh(0)
	target.target = true
	for _, r := range reports {
		v := look(&r.Evidence)
		end := v.end()
		hops := len(v.hops)
		if end < 0 {
			hops = len(v.rows()) - 1 // what is silent to the end is one row
		}
		for i := range max(0, hops) {
			if i == end || i >= len(v.hops) {
				continue
			}
			h := &r.Evidence.Hops[i]
			for len(rows) <= i {
				rows = append(rows, fresh(len(rows)+1))
			}
			row := rows[i]
			p.fill(row, &h.Series, r.Evidence.Times.Started, step)
			if a := r.Evidence.latest(&h.Series); a.IsValid() {
				row.addr, row.more = a, len(r.Evidence.others(&h.Series, a))
			}
			row.limited = row.limited || v.limited[i]
		}
		p.fill(target, &v.series, r.Evidence.Times.Started, step)
		target.addr = r.Evidence.Target.Address
		if end >= 0 {
			target.ttl = end + 1
		}
	}
	if n := len(rows) - (picHops - 1); n > 0 {
		rows, hidden = rows[:picHops-1], n
	}
	return append(rows, target), hidden
}

// fill counts a series into the cells of a row.
func (p *canvas) fill(r *heatRow, s *Series, started time.Time, step time.Duration) {
	for i := range len(s.Answer) {
		at := started.Add(time.Duration(s.TxMS[i] * float64(time.Millisecond)))
		if s.Answer[i] == AnswerPending || !p.inside(at) {
			continue
		}
		k := min(len(r.sent)-1, int(at.Sub(p.from)/step))
		r.sent[k]++
		if isLost(s.Answer[i]) {
			r.lost[k]++
		}
	}
}

func (p *canvas) hop(r *heatRow, step time.Duration) {
	label := fmt.Sprintf("%d", r.ttl)
	if r.ttl == 0 {
		label = "?"
	}
	full := p.say("silent")
	if r.addr.IsValid() {
		full = r.addr.String()
	}
	name := middle(full, 27)
	if r.more > 0 {
		name += fmt.Sprintf(" +%d", r.more)
	}
	if r.limited {
		name += " ~"
	}
	fmt.Fprintf(&p.b, `<g><title>%s</title>`, escaped4XML(label+" "+full))
	weight := inkDark
	if !r.addr.IsValid() {
		weight = inkSoft
	}
	tall := float64(hopTall - 1)
	if p.Narrow {
		p.text(p.left, p.y+10, 10, weight, "start", label+"  "+name)
		p.y += aboveTall
		tall = narrowTall
	} else {
		p.text(20, p.y+11, 10, inkSoft, "end", label)
		p.text(p.left-8, p.y+11, 10, weight, "end", name)
	}
	p.b.WriteString("</g>\n")
	var b brush
	left, right := func(k int) float64 { return p.x(p.from.Add(time.Duration(k) * step)) }, func(k int) float64 { return p.x(p.from.Add(time.Duration(k+1) * step)) }
	for k := 0; k < len(r.sent); {
		fill := r.colour(k)
		n := k
		for n+1 < len(r.sent) && r.colour(n+1) == fill {
			n++
		}
		x, wide := left(k), right(n)-left(k)
		if r.limited && r.lost[k] > 0 {
			// Its own limit says nothing of the line: it must not look like loss.
			b.add(stroked(inkClean, tall), line(x, p.y+tall/2, wide))
			b.add(stroked(fill, 4), line(x, p.y+tall-2, wide))
		} else {
			b.add(stroked(fill, tall), line(x, p.y+tall/2, wide))
		}
		k = n + 1
	}
	b.draw(&p.b)
	p.y += tall + 1
}

func (r *heatRow) colour(k int) string {
	switch {
	case r.sent[k] == 0:
		return inkNone
	case !r.addr.IsValid() && !r.target:
		return inkMute
	case r.lost[k] == 0:
		return inkClean
	}
	return rampOf(r.lost[k], r.sent[k])
}
