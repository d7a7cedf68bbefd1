package report

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// A redactor blanks what is the sender's own: the first hops up to the last
// one of a private address (the first hop always), every private address and
// such as lie in Own.Prefixes, and names of machines and of those addresses.
// The source's public address and the destination's stay: without them there
// is no ticket. So does what the sender wrote for the carrier.
//
// Names go from the evidence before anything is said of it: a node may be
// called as a word of a sentence is. Addresses, and names with a dot, which no
// sentence has, go from the finished strings.
type redactor struct {
	l     Lang
	addrs map[netip.Addr]string // what stands in its place
	own   []netip.Prefix
	names []string // longest first
	nodes []string // of names, in order: two of them stay two
	keep  []netip.Addr
	n     int
}

func newRedactor(in TicketInput, opts TicketOptions) *redactor {
	w := ticketWriter{in: in, opts: opts, l: opts.Lang}
	w.prepare()
	d := &redactor{l: w.l, addrs: make(map[netip.Addr]string), own: opts.Own.Prefixes, keep: []netip.Addr{w.sourceAddr(), w.target}}
	d.node(w.node.Name)
	for _, r := range append(append([]*Report{in.Report, in.Before, in.After}, in.Others...), in.Reports...) {
		if r == nil {
			continue
		}
		d.firstHops(r)
		d.node(r.Evidence.Node.Name)
		d.name(r.Evidence.Target.Asked)
		for _, q := range r.Evidence.Requests {
			d.name(q.Asked)
		}
	}
	if in.Reverse != nil {
		d.name(in.Reverse.Evidence.Target.Asked)
	}
	if inc := in.Incident; inc != nil {
		d.node(inc.Node.Name)
		for i := range inc.Members {
			m := &inc.Members[i]
			d.name(m.Target)
			d.firstOf(m.Before)
			d.firstOf(m.After)
		}
		for _, c := range inc.Canaries {
			d.name(c.Target)
			if c.Kind == CanaryGateway {
				d.blank(c.Addr, 1)
			}
		}
	}
	if f := in.ReverseText; f != nil {
		d.name(f.Target)
		ends := []netip.Addr{w.sourceAddr(), w.localAddr()}
		for _, h := range f.Hops {
			for _, x := range h.Hosts {
				if d.blanks(x.Addr) || slices.Contains(ends, x.Addr) || !x.Addr.IsValid() && !d.elsewhere(x.Name, opts.Names, ends) {
					d.name(x.Name)
				}
			}
		}
	}
	for a, n := range opts.Names.Of {
		if _, first := d.addrs[a]; first || d.inner(a) {
			d.name(n.Name)
		}
	}
	slices.SortFunc(d.names, func(a, b string) int { return len(b) - len(a) })
	return d
}

// elsewhere says that a name without an address is known to be that of an
// address which stays.
func (d *redactor) elsewhere(name string, known Names, ends []netip.Addr) bool {
	for a, n := range known.Of {
		if strings.EqualFold(strings.TrimSuffix(n.Name, "."), strings.TrimSuffix(name, ".")) && !d.blanks(a) && !slices.Contains(ends, a) {
			return true
		}
	}
	return false
}

// firstHops blanks the hops of a report that are the sender's own.
func (d *redactor) firstHops(r *Report) {
	hops := r.Evidence.Hops
	last := 1
	for i := range hops {
		a := r.Evidence.latest(&hops[i].Series)
		if a.IsValid() && !d.inner(a) {
			break
		}
		if a.IsValid() {
			last = i + 1
		}
	}
	for i := range hops[:min(last, len(hops))] {
		for k := range hops[i].Addr {
			d.blank(r.Evidence.who(&hops[i].Series, k), hops[i].TTL)
		}
	}
}

func (d *redactor) firstOf(p *Path) {
	if p == nil || len(p.Hops) == 0 || p.Hops[0].TTL != 1 {
		return
	}
	for _, a := range p.Hops[0].Addrs {
		d.blank(a, 1)
	}
}

func (d *redactor) blank(a netip.Addr, ttl int) {
	if a.IsValid() && !slices.Contains(d.keep, a) && d.addrs[a] == "" {
		d.addrs[a] = d.l.Say("redact.hop", ttl)
	}
}

// name takes a name to blank; what is an address is judged as one.
func (d *redactor) name(s string) {
	s = strings.TrimSpace(Printable(s))
	if _, err := netip.ParseAddr(s); err == nil || len(s) < 2 || slices.Contains(d.names, s) {
		return
	}
	d.names = append(d.names, s)
}

func (d *redactor) node(s string) {
	if d.name(s); !slices.Contains(d.nodes, s) {
		d.nodes = append(d.nodes, s)
	}
}

// said is what stands in the place of a name that is the whole of a string.
func (d *redactor) said(s string) string {
	asked := strings.TrimSpace(Printable(s))
	if !slices.ContainsFunc(d.names, func(n string) bool { return strings.EqualFold(n, asked) }) {
		return s
	}
	if i := slices.Index(d.nodes, s); i > 0 {
		return d.l.Say("redact.node", i+1)
	}
	return d.l.Say("redact.name")
}

// evidence is what is known without the names. It stays as it is.
func (d *redactor) evidence(in TicketInput) TicketInput {
	in = in.withReports(func(r *Report) *Report {
		out := *r
		e := &out.Evidence
		e.Node.Name, e.Target.Asked, e.Error = d.said(e.Node.Name), d.said(e.Target.Asked), d.words(e.Error)
		if e.Node.Name != r.Evidence.Node.Name {
			e.Node.Place = ""
		}
		return &out
	})
	if in.Incident == nil {
		return in
	}
	inc := *in.Incident
	inc.Node.Name, inc.Node.Place = d.said(inc.Node.Name), ""
	inc.Members, inc.Canaries = slices.Clone(inc.Members), slices.Clone(inc.Canaries)
	for i := range inc.Members {
		inc.Members[i].Target = d.said(inc.Members[i].Target)
	}
	for i := range inc.Canaries {
		inc.Canaries[i].Target = d.said(inc.Canaries[i].Target)
	}
	in.Incident = &inc
	return in
}

// known is what reverse DNS knows, without the names that go.
func (d *redactor) known(n Names) Names {
	of := make(map[netip.Addr]Named, len(n.Of))
	for a, x := range n.Of {
		x.Name = d.said(x.Name)
		of[a] = x
	}
	n.Of, n.Missing = of, slices.Clone(n.Missing)
	for i := range n.Missing {
		n.Missing[i].Detail = d.words(n.Missing[i].Detail)
	}
	return n
}

// inner says that an address is of nobody else's concern.
func (d *redactor) inner(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	return !public(a) || slices.ContainsFunc(d.own, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

// blanks says that an address would not be left in a ticket.
func (d *redactor) blanks(a netip.Addr) bool {
	if !a.IsValid() || slices.Contains(d.keep, a) {
		return false
	}
	return d.addrs[a] != "" || d.inner(a)
}

var addressLike = regexp.MustCompile(`[0-9A-Fa-f:.]*[0-9A-Fa-f]`)

// words blanks all names in what a stranger wrote.
func (d *redactor) words(s string) string {
	for _, n := range d.names {
		s = replaceWord(s, n, d.l.Say("redact.name"))
	}
	return s
}

// text blanks what is to be blanked in a string.
func (d *redactor) text(s string) string {
	for _, n := range d.names {
		if strings.Contains(n, ".") {
			s = replaceWord(s, n, d.l.Say("redact.name"))
		}
	}
	return addressLike.ReplaceAllStringFunc(s, func(m string) string {
		a, err := netip.ParseAddr(m)
		for _, cut := range []func() (netip.Addr, error){
			func() (netip.Addr, error) { return netip.ParseAddr(strings.TrimLeft(m, ".:")) },
			func() (netip.Addr, error) { p, err := netip.ParseAddrPort(m); return p.Addr(), err },
		} {
			if err != nil {
				a, err = cut()
			}
		}
		if err != nil {
			return m
		}
		a = a.Unmap()
		if to, ok := d.addrs[a]; ok {
			return to
		}
		if slices.Contains(d.keep, a) || !d.inner(a) {
			return m
		}
		d.n++
		d.addrs[a] = d.l.Say("redact.addr", d.n)
		return d.addrs[a]
	})
}

// replaceWord replaces a name where it is no part of a longer one.
func replaceWord(s, name, to string) string {
	part := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
	}
	var b strings.Builder
	for {
		i := indexFold(s, name)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		end := i + len(name)
		ascii := name[0] < 0x80 && name[len(name)-1] < 0x80
		if ascii && (i > 0 && part(s[i-1]) && s[i-1] < 0x80 || end < len(s) && part(s[end]) && s[end] < 0x80) {
			b.WriteString(s[:i+1])
			s = s[i+1:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteString(to)
		s = s[end:]
	}
}

// indexFold is strings.Index without regard to the case of ASCII letters.
func indexFold(s, sub string) int {
	for i := 0; i+len(sub) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(sub)], sub) {
			return i
		}
	}
	return -1
}

// ticket blanks all of a ticket but what the sender wrote for the carrier.
func (d *redactor) ticket(t *Ticket) {
	for _, s := range []*string{&t.Title, &t.Verdict, &t.Settle} {
		*s = d.text(*s)
	}
	for _, list := range [][]string{t.Missing, t.Hints, t.Withheld} {
		for i := range list {
			list[i] = d.text(list[i])
		}
	}
	for i := range t.Points {
		p := &t.Points[i]
		for k := range p.Facts {
			if p.Number != ownPoint {
				p.Facts[k].Value = d.text(p.Facts[k].Value)
			}
		}
		for k := range p.Blocks {
			p.Blocks[k].Title, p.Blocks[k].Text = d.text(p.Blocks[k].Title), d.text(p.Blocks[k].Text)
		}
	}
}
