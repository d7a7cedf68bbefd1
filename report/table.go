package report

import "net/netip"

// A TableRow is a line of the table that AppendText prints, for whoever
// shows it another way. What is unknown is invalid, nil or 0 of 0.
type TableRow struct {
	TTL     int        // 0: the target, at no known TTL
	Addr    netip.Addr // who answered last; invalid: nobody
	Target  bool       // this line is the target's own
	Stats   Stats
	Asked   int  // probes at this very TTL, those under way included
	Limited bool // its losses are its own limit on answers
	MPLS    [][]Label
	Others  []TableOther // further addresses that answered here: equal-cost paths, or a path that changed
}

// TableOther is a further address of a hop.
type TableOther struct {
	Addr netip.Addr
	MPLS [][]Label // its label stacks
}

// Table gives the lines of a report's table, from the first hop to the
// target: the same ones, with the same figures, that its text has.
func Table(r *Report) []TableRow {
	v := look(&r.Evidence)
	end := v.end()
	var out []TableRow
	for i, row := range v.rows() {
		t := TableRow{TTL: row.ttl, Addr: row.addr, Target: row.ttl == 0 || i == end, Stats: row.stats, Asked: row.asked, Limited: row.limited}
		if row.hop != nil {
			stacks := v.e.stacks(row.hop)
			t.MPLS = stacks[row.addr]
			for _, a := range v.e.others(&row.hop.Series, row.addr) {
				t.Others = append(t.Others, TableOther{a, stacks[a]})
			}
		}
		out = append(out, t)
	}
	return out
}

// stacks are the label stacks that each address quoted at a hop.
func (e *Evidence) stacks(h *Hop) map[netip.Addr][][]Label {
	out := make(map[netip.Addr][][]Label)
	for _, m := range h.MPLS {
		if m.Addr >= 0 && m.Addr < len(e.Addresses) {
			a := e.Addresses[m.Addr]
			out[a] = append(out[a], m.Labels)
		}
	}
	return out
}
