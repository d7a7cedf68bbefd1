package web

import (
	"encoding/json"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/spool"
)

// targetView is a target's history as JSON; figures that are not known are
// absent.
type targetView struct {
	Target    string                  `json:"target"`
	From      time.Time               `json:"from"`
	To        time.Time               `json:"to"`
	Total     int                     `json:"total"`
	Matching  int                     `json:"matching"`
	Now       *spool.WatchTarget      `json:"now,omitempty"` // absent: not watched, or nobody watches
	Buckets   []bucketJSON            `json:"buckets"`       // in order of time; stretches that nobody measured are left out
	Incidents []archive.IncidentEntry `json:"incidents"`
	OpenFault string                  `json:"open_fault,omitempty"` // why it is not known which incidents are open
	Reports   []archive.Entry         `json:"reports"`
}

type bucketJSON struct {
	Start   time.Time `json:"start"`
	Seconds float64   `json:"seconds"`
	Reports int       `json:"reports"`
	Unknown int       `json:"unknown,omitempty"`
	Lost    *int      `json:"lost,omitempty"`
	Sent    *int      `json:"sent,omitempty"`
	Worst   *float64  `json:"worst_loss_percent,omitempty"`
	Min     *float64  `json:"rtt_min_ms,omitempty"`
	Median  *float64  `json:"rtt_median_ms,omitempty"`
	Max     *float64  `json:"rtt_max_ms,omitempty"`
}

func (s *site) targetJSON(tq targetQuery, tv *archive.TargetView) ([]byte, error) {
	out := targetView{Target: tq.target, From: tq.from, To: tq.to, Total: tv.Total, Matching: tv.Matching, Buckets: []bucketJSON{},
		Incidents: s.incidentsOf(tq, tv), OpenFault: s.openFault(), Reports: tv.Entries}
	if out.Reports == nil {
		out.Reports = []archive.Entry{} // an empty list, not null
	}
	if t, fresh := s.watched(tq.target); fresh {
		out.Now = t
	}
	for i := range tv.Buckets {
		b := &tv.Buckets[i]
		if b.Reports == 0 {
			continue
		}
		j := bucketJSON{Start: b.Start, Seconds: b.Length.Seconds(), Reports: b.Reports, Unknown: b.Unknown, Worst: b.WorstLoss,
			Min: millisOf(b.RTTMin), Median: millisOf(b.RTTMedian), Max: millisOf(b.RTTMax)}
		if b.Reports > b.Unknown {
			j.Lost, j.Sent = &b.Lost, &b.Sent
		}
		out.Buckets = append(out.Buckets, j)
	}
	body, err := json.Marshal(out)
	return append(body, '\n'), err
}

func millisOf(d *time.Duration) *float64 {
	if d == nil {
		return nil
	}
	ms := float64(*d) / float64(time.Millisecond)
	return &ms
}
