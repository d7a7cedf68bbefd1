package web

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/chart"
	"github.com/mtrq/mtrq/report"
)

// fewMembers is how many members the page of an incident shows at first: a
// storm has hundreds, which say the same.
const fewMembers = 20

type memberRow struct {
	Target    string
	Asked     string // the address, where it is watched under a name
	URL       string
	Group     string
	Tags      string
	Lost      string
	Percent   string
	Bar       int
	LossClass string
	Began     string
	Recovered string
	Usual     string
	Strip     template.HTML
	Reports   []link
}

// members are the rows of the table, each with its pings on the time axis of
// the picture.
func (p *incidentPage) members(s *site, inc *report.Incident, all bool) {
	members := inc.Members
	if !all && len(members) > fewMembers {
		members = members[:fewMembers]
		p.AllURL = incidentURL(inc.ID) + "?members=all"
	}
	from, to := report.IncidentWindow(inc)
	for i := range members {
		p.Members = append(p.Members, p.member(i, inc, from, to))
	}
}

func (p *incidentPage) member(i int, inc *report.Incident, from, to time.Time) memberRow {
	m := &inc.Members[i]
	row := memberRow{Target: clean(m.Target), URL: targetURL(m.Target), Group: clean(m.Group),
		Began: p.sinceText(m.Began, inc.Times.Began), LossClass: lossClassOf(&m.Lost, &m.Sent)}
	if m.Address.IsValid() {
		row.URL = targetURL(m.Address.String())
		if m.Address.String() != m.Target {
			row.Asked = m.Address.String()
		}
	}
	var tags []string
	for _, k := range sortedKeys(m.Tags) {
		tags = append(tags, clean(k)+"="+clean(m.Tags[k]))
	}
	row.Tags = strings.Join(tags, " ")
	if m.Sent > 0 {
		row.Lost, row.Percent = p.T("rows.lost_of", m.Lost, m.Sent), lossPercent(m.Lost, m.Sent)
		row.Bar = lossWidth(100 * float64(m.Lost) / float64(m.Sent))
	}
	if m.Recovered != nil {
		row.Recovered = p.sinceText(*m.Recovered, inc.Times.Began)
	}
	if u := m.Usual; u != nil {
		row.Usual = p.T("inc.usual", millis(float64(u.P50US)/1000), millis(float64(u.P95US)/1000))
	}
	const most = 3
	for i, id := range m.Reports[:min(len(m.Reports), most)] {
		name := p.T("inc.report")
		if i > 0 {
			name = p.T("inc.report.later", i+1)
		}
		row.Reports = append(row.Reports, link{name, "/r/" + id.String()})
	}
	row.Strip = template.HTML(chart.Pings("m"+strconv.Itoa(i), p.T("inc.strip", clean(m.Target), m.Lost, m.Sent), //nolint:gosec // made by us
		&m.Pings, m.Meter, from, to, 240, 18))
	return row
}
