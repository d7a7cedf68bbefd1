package web

import (
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// TestRequestServedByAnother follows a request that joined a running trace:
// it is running, with what that trace has seen for both.
func TestRequestServedByAnother(t *testing.T) {
	n := newNode(t)
	n.tracing()
	first, _, _ := strings.Cut(n.get("/api/mtr?ip=203.0.113.7").body, " ")
	second, _, _ := strings.Cut(n.get("/api/mtr?ip=203.0.113.7&event=again").body, " ")
	var leads *spool.Claim
	for _, c := range n.claims() {
		if c.ID.String() == first {
			leads = c
		}
	}
	rep := sample(leads.ID, leads.Job.Accepted)
	us := int64(9120)
	for _, e := range []report.Event{
		{E: report.EventStart, At: rep.Evidence.Times.Started, Schema: 1, Node: "hk1", Target: &rep.Evidence.Target},
		{E: report.EventProbe, N: 0, TTL: 0, MS: 0.2, DeadlineMS: 1000, Kind: report.KindReply, US: &us, Addr: rep.Evidence.Target.Address},
	} {
		if err := leads.Append(report.AppendEvent(nil, e)); err != nil {
			t.Fatal(err)
		}
	}
	if a := n.get("/r/" + second); a.Header.Get("Mtrq-State") != string(jobWaiting) {
		t.Errorf("state %q before it joined, want waiting", a.Header.Get("Mtrq-State"))
	}
	st, _, _ := n.spool.RunState(n.Now())
	st.Served = map[ulid.ULID]ulid.ULID{ulid.MustParse(second): leads.ID}
	if err := n.spool.WriteRunState(st); err != nil {
		t.Fatal(err)
	}
	a := n.get("/r/" + second)
	a.want(t, 200, "203.0.113.7")
	if got := a.Header.Get("Mtrq-State"); got != string(jobRunning) {
		t.Errorf("state %q, want running", got)
	}
	n.get("/api/v1/jobs/"+second).want(t, 200, `"state":"running"`)
}
