package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/report"
)

// hopRow is a line of the mtr table. Figures are empty where nobody knows.
type hopRow struct {
	TTL       string
	Addr      string // empty: nobody answered
	Who       who
	URL       string // where the address is a target's
	Target    bool
	Others    []hopAddr // further addresses: equal-cost paths, or a path that changed
	MPLS      []labelStack
	Percent   string
	Bar       int
	LossClass string
	Limited   bool // its losses are its own limit on answers
	Sent      int
	Lost      int
	Late      int

	Last, Avg, Best, Worst, StDev, P95 string
}

type hopAddr struct {
	Addr string
	Who  who
	MPLS []labelStack
}

func (s *site) hopRows(h head, rep *report.Report, n report.Names) (rows []hopRow, limited bool) {
	for _, t := range report.Table(rep) {
		st := t.Stats
		r := hopRow{TTL: strconv.Itoa(t.TTL), Target: t.Target, Limited: t.Limited, Sent: st.Sent, Lost: st.Lost, Late: st.Late,
			MPLS: labelWords(t.MPLS), LossClass: lossClassOf(&st.Lost, &st.Sent)}
		if t.TTL == 0 {
			r.TTL = "?"
		}
		r.Addr, r.Who = addrWords(t.Addr), whoOf(n, t.Addr)
		if t.Target && r.Addr == "" {
			r.Addr = clean(rep.Evidence.Target.Asked)
		}
		for _, o := range t.Others {
			r.Others = append(r.Others, hopAddr{o.Addr.String(), whoOf(n, o.Addr), labelWords(o.MPLS)})
		}
		if l := st.Loss(); l != nil {
			r.Percent, r.Bar = lossPercent(st.Lost, st.Sent), lossWidth(*l)
		}
		switch {
		case t.Limited:
			r.LossClass, limited = "limited", true
		case st.Answered == 0 && !t.Target:
			r.LossClass = "unknown" // a hop that never answers says nothing of what it forwards
		}
		if rtt := st.RTT; rtt != nil {
			r.Last, r.Avg, r.Best, r.Worst, r.P95 = ms1(rtt.Last), ms1(rtt.Avg), ms1(rtt.Best), ms1(rtt.Worst), ms1(rtt.P95)
			if rtt.StDev != nil {
				r.StDev = ms1(*rtt.StDev)
			}
		}
		rows = append(rows, r)
	}
	return rows, limited
}

// ms1 is milliseconds as mtr prints them, without the unit.
func ms1(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

// labelStack is one stack of MPLS labels: in short for the table, and all
// of it as mtr prints it.
type labelStack struct{ Labels, Full string }

func labelWords(stacks [][]report.Label) []labelStack {
	var out []labelStack
	for _, stack := range stacks {
		var labels, full []string
		for _, l := range stack {
			labels = append(labels, strconv.Itoa(l.Label))
			full = append(full, fmt.Sprintf("Lbl %d TC %d S %d TTL %d", l.Label, l.TC, l.S, l.TTL))
		}
		out = append(out, labelStack{strings.Join(labels, " / "), strings.Join(full, ", ")})
	}
	return out
}
