package report

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// TextOptions are what a rendering may add to a report.
type TextOptions struct {
	// Names gives each row the AS of its address, as mtr -z has it, and the
	// name behind it. Nil: neither.
	Names *Names

	// Unwrapped leaves the words below the table in lines of any length,
	// for whoever wraps them to a width of their own.
	Unwrapped bool

	// as stands before an address in the table, for tickets. Nil: nothing does.
	as func(netip.Addr) string
}

// Text is the report as users of `mtr -w` know it, with what mtr does
// not say below the table. It says the same of the same report, holds no
// control byte but newlines whatever strangers sent, and judges anew.
func Text(r *Report) string {
	return string(AppendText(nil, r, TextOptions{}))
}

// AppendText appends the text of a report to dst: for a trace that is
// shown while it runs, again and again into the same buffer.
func AppendText(dst []byte, r *Report, opts TextOptions) []byte {
	p := printer{view: look(&r.Evidence), opts: opts, b: dst}
	p.table()
	p.below()
	return p.b
}

type printer struct {
	*view
	opts TextOptions
	b    []byte
}

func (p *printer) line(parts ...string) {
	for _, s := range parts {
		p.b = append(p.b, s...)
	}
	p.b = append(p.b, '\n')
}

// host is how an address is shown in the table.
func (p *printer) host(a netip.Addr) string {
	if p.opts.Names != nil {
		return p.opts.Names.host(a)
	}
	if !a.IsValid() {
		return "???"
	}
	if p.opts.as != nil {
		return fmt.Sprintf("%-11s %s", p.opts.as(a), a)
	}
	return a.String()
}

// table is mtr's: the same columns, widths and decimals. Where mtr has a
// zero for what nobody knows, there is a dash.
func (p *printer) table() {
	e := p.e
	rows := p.rows()
	node := short(Printable(e.Node.Name), maxHostName) // a row is no wider, whatever the names
	width := utf8.RuneCountInString(node)
	hosts := make([]string, len(rows))
	for i, r := range rows {
		hosts[i] = p.host(r.addr)
		if !r.addr.IsValid() && r.ttl == 0 {
			hosts[i] = short(Printable(e.Target.Asked), maxHostName)
		}
		width = max(width, utf8.RuneCountInString(hosts[i]))
	}
	p.line("Start: ", e.Times.Started.Format("2006-01-02T15:04:05-0700"))
	p.b = append(p.b, "HOST: "...)
	p.pad(node, width+2) // mtr -w forgets the 2, and its header stands askew
	p.line(" Loss%   Snt   Last   Avg  Best  Wrst StDev")
	for i, r := range rows {
		p.b = append(p.b, ' ')
		ttl := "?"
		if r.ttl > 0 {
			ttl = strconv.Itoa(r.ttl)
		}
		p.right(ttl, 2)
		p.b = append(p.b, ".|-- "...)
		p.pad(hosts[i], width)
		p.figures(r)
		if r.hop != nil {
			p.paths(r)
		}
	}
}

func (p *printer) figures(r row) {
	loss := "-"
	if l := r.stats.Loss(); l != nil {
		loss = strconv.FormatFloat(*l, 'f', 1, 64)
		if *l > 0 && loss == "0.0" {
			loss = "0.1" // never say that there is none
		}
		if r.stats.Lost < r.stats.Sent && loss == "100.0" {
			loss = "99.9"
		}
		if loss != "100.0" { // it fills the column, in mtr too
			loss += "%"
		}
	}
	p.b = append(p.b, ' ')
	p.right(loss, 5)
	mark := byte(' ')
	if r.limited {
		mark = '~'
	}
	p.b = append(p.b, mark)
	p.right(strconv.Itoa(r.stats.Sent), 5)
	p.b = append(p.b, ' ')
	if t := r.stats.RTT; t != nil {
		for _, d := range []time.Duration{t.Last, t.Avg, t.Best, t.Worst} {
			p.ms(d)
		}
		if t.StDev != nil {
			p.ms(*t.StDev)
		} else {
			p.right("-", 6)
		}
	} else {
		for range 5 {
			p.right("-", 6)
		}
	}
	p.b = append(p.b, '\n')
}

func (p *printer) ms(d time.Duration) {
	p.b = append(p.b, ' ')
	p.right(msText(d), 5)
}

func msText(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

// paths are the further addresses of a hop, and the labels that each
// address quoted, as mtr prints them.
func (p *printer) paths(r row) {
	stacks := p.e.stacks(r.hop)
	p.labels(stacks[r.addr])
	for _, a := range p.e.others(&r.hop.Series, r.addr) {
		p.line("        ", p.host(a))
		p.labels(stacks[a])
	}
}

func (p *printer) labels(stacks [][]Label) {
	for _, s := range stacks {
		for _, l := range s {
			p.line("       [MPLS: Lbl ", strconv.Itoa(l.Label), " TC ", strconv.Itoa(l.TC), " S ", strconv.Itoa(l.S), " TTL ", strconv.Itoa(l.TTL), "]")
		}
	}
}

func (p *printer) pad(s string, width int) {
	p.b = append(p.b, s...)
	for range width - utf8.RuneCountInString(s) {
		p.b = append(p.b, ' ')
	}
}

func (p *printer) right(s string, width int) {
	for range width - len(s) {
		p.b = append(p.b, ' ')
	}
	p.b = append(p.b, s...)
}
