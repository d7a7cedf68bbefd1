package report

import (
	"bytes"
	"strconv"
	"time"
)

// MTR is the "report" object as mtr 0.95 writes it with --json: what
// reads that reads this.
//
//	{"mtr": {"src": "hk1", "dst": "203.0.113.7", "tos": 0, "tests": 10, "psize": "64", "bitpattern": "0x00"},
//	 "hubs": [{"count": 1, "host": "198.18.0.1", "Loss%": 0.0, "Snt": 10, "Last": 0.412, "Avg": 0.4, …}]}
//
// The false zeros in it are mtr's: a silent hub ("???") has 0.0 for each
// time. Nothing in this package reads it back; Evidence has nulls there.
type MTR struct {
	Head MTRHead `json:"mtr"`
	Hubs []Hub   `json:"hubs"`
}

// MTRHead says what was run.
type MTRHead struct {
	Src        string `json:"src"` // name of the node
	Dst        string `json:"dst"` // target as asked
	TOS        int    `json:"tos"`
	Tests      int    `json:"tests"`      // the most rounds that a hop was asked
	PSize      string `json:"psize"`      // bytes, a string in mtr too
	BitPattern string `json:"bitpattern"` // always 0x00
}

// A Hub is a hop: the address that answered last, and mtr's columns,
// times in milliseconds.
type Hub struct {
	Count int    `json:"count"` // TTL
	Host  string `json:"host"`  // "???": never answered
	Loss  Real   `json:"Loss%"`
	Snt   int    `json:"Snt"`
	Last  Real   `json:"Last"`
	Avg   Real   `json:"Avg"`
	Best  Real   `json:"Best"`
	Wrst  Real   `json:"Wrst"`
	StDev Real   `json:"StDev"`
}

// Real is a number with the five significant digits that mtr writes, and
// always a point: 0.0, 33.333, 100.0.
type Real float64

// MarshalJSON writes r as jansson does with JSON_REAL_PRECISION(5).
func (r Real) MarshalJSON() ([]byte, error) {
	b := strconv.AppendFloat(nil, finite(float64(r)), 'g', 5, 64)
	// Go says 1e+06 where jansson says 1e6; both keep 1e-05's minus.
	b = bytes.Replace(b, []byte("e+0"), []byte("e"), 1)
	b = bytes.Replace(b, []byte("e+"), []byte("e"), 1)
	if !bytes.ContainsAny(b, ".e") {
		b = append(b, ".0"...)
	}
	return b, nil
}

func (v *view) mtr() MTR {
	e := v.e
	m := MTR{
		Head: MTRHead{
			Src: e.Node.Name, Dst: e.Target.Asked, TOS: e.Target.TOS,
			PSize: strconv.Itoa(e.Target.Size), BitPattern: "0x00",
		},
		Hubs: []Hub{},
	}
	for _, row := range v.rows() {
		if row.ttl > 0 {
			m.Head.Tests = max(m.Head.Tests, row.asked)
		}
		// mtr has no row for a target that never answered.
		if row.ttl == 0 && row.stats.Answered == 0 {
			continue
		}
		h := Hub{Count: row.ttl, Host: "???", Snt: row.stats.Sent}
		if row.ttl == 0 {
			h.Count = len(m.Hubs) + 1
		}
		if row.addr.IsValid() {
			h.Host = row.addr.String()
		}
		if l := row.stats.Loss(); l != nil {
			h.Loss = Real(*l)
		}
		if t := row.stats.RTT; t != nil {
			h.Last, h.Avg, h.Best, h.Wrst = real(t.Last), real(t.Avg), real(t.Best), real(t.Worst)
			if t.StDev != nil {
				h.StDev = real(*t.StDev)
			}
		}
		m.Hubs = append(m.Hubs, h)
	}
	return m
}

func real(d time.Duration) Real { return Real(float64(d.Microseconds()) / 1000) }
