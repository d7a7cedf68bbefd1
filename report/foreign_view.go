package report

import "time"

// ForeignView is a foreign trace and its verdict for programs. What is not
// known is left out.
type ForeignView struct {
	Program ForeignProgram   `json:"program"`
	Source  string           `json:"source,omitempty"`
	Target  string           `json:"target,omitempty"`
	Address string           `json:"address,omitempty"`
	Assumed bool             `json:"target_assumed"` // the text names none; its last line is taken for it
	Started string           `json:"started,omitempty"`
	Hops    []ForeignHopView `json:"hops"`
	Verdict Verdict          `json:"verdict"`
}

// ForeignHopView is one TTL of a ForeignView.
type ForeignHopView struct {
	TTL     int               `json:"ttl"`
	Hosts   []ForeignHostView `json:"hosts"`
	Sent    int               `json:"sent"`
	Lost    int               `json:"lost"`
	AvgMS   *float64          `json:"avg_ms,omitempty"`
	BestMS  *float64          `json:"best_ms,omitempty"`
	WorstMS *float64          `json:"worst_ms,omitempty"`
	Labels  []int             `json:"mpls_labels,omitempty"`
	Limited bool              `json:"limited,omitempty"` // its losses are its own limit on answers
}

// ForeignHostView is one router of a hop.
type ForeignHostView struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
	AS      uint32 `json:"as,omitempty"`
}

// View gives a foreign trace with its verdict in a language.
func (f *Foreign) View(lang Lang) ForeignView {
	r := f.Report()
	v := lookWith(&r.Evidence, Around{Lang: lang})
	out := ForeignView{Program: f.Program, Source: f.Source, Target: f.Target, Assumed: f.Assumed, Started: f.Started, Verdict: v.judge()}
	if f.Address.IsValid() {
		out.Address = f.Address.String()
	}
	ms := func(d time.Duration) *float64 {
		x := round3(float64(d) / float64(time.Millisecond))
		return &x
	}
	for i := range f.Hops {
		h := &f.Hops[i]
		hop := ForeignHopView{TTL: h.TTL, Hosts: []ForeignHostView{}, Sent: h.Sent, Lost: h.Lost, Labels: h.Labels, Limited: v.limited[i]}
		if t := h.RTT; t != nil {
			hop.AvgMS, hop.BestMS, hop.WorstMS = ms(t.Avg), ms(t.Best), ms(t.Worst)
		}
		for _, x := range h.Hosts {
			host := ForeignHostView{Name: x.Name, AS: x.AS}
			if x.Addr.IsValid() {
				host.Address = x.Addr.String()
			}
			hop.Hosts = append(hop.Hosts, host)
		}
		out.Hops = append(out.Hops, hop)
	}
	return out
}
