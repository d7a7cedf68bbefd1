package report

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestTicketChat: the line for a chat is as sure as the verdict, and names a
// place only of a loss.
func TestTicketChat(t *testing.T) {
	link := &Link{From: LinkEnd{TTL: 2, Addr: netip.MustParseAddr("198.18.0.5")}, To: LinkEnd{TTL: 3, Addr: netip.MustParseAddr("198.18.0.9")}}
	for _, c := range []struct {
		class  Class
		grade  Grade
		from   netip.Addr
		en, zh string
	}{
		{RealLoss, Certain, link.From.Addr, "It begins between 198.18.0.5 and 198.18.0.9, there or on the way back.", "丢包始于 198.18.0.5 与 198.18.0.9 之间，去程或回程。"},
		{RealLoss, Likely, link.From.Addr, "It probably begins between 198.18.0.5 and", "丢包很可能始于 198.18.0.5 与"},
		{RealLoss, Weak, link.From.Addr, "It may begin between 198.18.0.5 and", "丢包可能始于 198.18.0.5 与"},
		{RealLoss, Likely, netip.Addr{}, "It probably begins between hop 2 (silent) and", "丢包很可能始于第 2 跳（无应答）与 198.18.0.9 之间"},
		{Latency, Certain, link.From.Addr, "", ""},
		{RoutingLoop, Certain, link.From.Addr, "", ""},
	} {
		for l, want := range map[Lang]string{English: c.en, Chinese: c.zh} {
			at := *link
			at.From.Addr = c.from
			w := ticketWriter{l: l, verdict: Verdict{Class: c.class, Grade: c.grade, Link: &at}}
			if got := w.chatLink(); !strings.Contains(got, want) || want == "" && got != "" {
				t.Errorf("%s, %s: got %q, want %q", c.class, c.grade, got, want)
			}
		}
	}
}

// TestTicketChatSays: the line for a chat says what is wrong, and nothing that
// does not parse.
func TestTicketChatSays(t *testing.T) {
	latency, path := func(in *TicketInput) {
		in.Incident.Trigger = TriggerLatency
		m := quiet(in.Incident)
		for i := range m.Pings.RTTUS {
			if at := m.Pings.at(i); !at.Before(m.Began) && at.Before(*m.Recovered) {
				m.Pings.RTTUS[i] = ptr[int64](256900)
			}
		}
	}, func(in *TicketInput) {
		in.Incident.Trigger = TriggerPath
		m := quiet(in.Incident)
		after := *m.Before
		after.Hops = slices.Clone(after.Hops)
		after.Hops[1].Addrs = []netip.Addr{netip.MustParseAddr("198.18.7.7")}
		m.After = &after
	}
	for _, c := range []struct {
		name string
		edit func(*TicketInput)
		want map[Lang]string
		not  []string
	}{
		{"loss that is over", func(*TicketInput) {}, map[Lang]string{English: ", Beijing time 2026-11-23 14:05:33 to 2026-11-23 14:08:43: lost 190 of 190 pings", Chinese: "，北京时间 2026-11-23 14:05:33 至 2026-11-23 14:08:43，丢包：190 个"}, nil},
		{"loss that lasts", func(in *TicketInput) {
			in.Incident.State, in.Incident.Times.Recovered, in.Incident.Times.Closed = IncidentOpen, nil, nil
		}, map[Lang]string{English: ", since 2026-11-23 14:05:33 Beijing time, not over yet: lost 190", Chinese: "，自北京时间 2026-11-23 14:05:33 起，尚未恢复，丢包：190 个"}, nil},
		{"whose end nobody knows", func(in *TicketInput) {
			in.Incident.State, in.Incident.Times.Recovered, in.Incident.Times.Closed = IncidentInterrupted, nil, nil
		}, map[Lang]string{English: ", since 2026-11-23 14:05:33 Beijing time, end not known: lost", Chinese: "，自北京时间 2026-11-23 14:05:33 起，结束时间不明，丢包："}, nil},
		{"a trace of a dead target", func(in *TicketInput) {
			w := network{length: 6, lossAt: 4, loss: always(1), rand: seeded(1)}
			in.Incident, in.Reports, in.Report = nil, nil, fold(t, w.trace(20, func(g *Target) { g.Known, g.KnownTTL = true, 6 }))
		}, map[Lang]string{English: " Beijing time, not over when the trace ended (2026-11-23 14:0", Chinese: "，至路由跟踪结束时（2026-11-23 14:05:53）尚未恢复，丢包："}, nil},
		{"latency", latency, map[Lang]string{English: "14:08:43: round-trip time up from 9.0 to 256.9 ms (median).", Chinese: "14:08:43，时延由 9.0 毫秒升至 256.9 毫秒（中位数）。"}, []string{"lost", "丢"}},
		{"jitter", func(in *TicketInput) { latency(in); in.Incident.Trigger = TriggerJitter },
			map[Lang]string{English: ": round-trip time uneven, its 95th percentile up from 9.3 to 256.9 ms.", Chinese: "，时延抖动增大，P95 由 9.3 毫秒升至 256.9 毫秒。"}, []string{"lost", "丢"}},
		{"latency of which nothing was kept", func(in *TicketInput) { latency(in); in.Incident.Members[0].Usual = nil },
			map[Lang]string{English: "14:08:43: latency.", Chinese: "14:08:43，时延升高。"}, []string{"lost", "丢"}},
		{"another path", path, map[Lang]string{English: ": path changed, hop 2 was 198.18.0.5, is 198.18.7.7.", Chinese: "，路径变化：第 2 跳由 198.18.0.5 变为 198.18.7.7。"}, []string{"lost", "丢"}},
		{"no trace, no address", func(in *TicketInput) {
			in.Report, in.Reports, in.Reverse, in.Incident.Node.Address = nil, nil, nil, netip.Addr{}
			in.Incident.Node.Source = netip.Addr{}
		}, map[Lang]string{English: "No MTR yet; please have a look.", Chinese: "电路号 GZ-2231，未知源地址到 203.0.113.7，"}, []string{"MTR below", "MTR 附后", "not known"}},
		{"a name that did not resolve", func(in *TicketInput) {
			in.Incident, in.Reports = nil, nil
			r := *in.Report
			r.Evidence.Ping, r.Evidence.Hops, r.Evidence.Target = Series{}, nil, Target{Asked: "www.example.net"}
			in.Report = &r
		}, map[Lang]string{English: "to www.example.net, Beijing time 2026-11-23 14:05:32 to 2026-11-23 14:06:33: not proven.", Chinese: "14:06:33，无法证实。"}, []string{"lost", "丢", "-。"}},
	} {
		for _, l := range Langs {
			in, opts := full(t)
			opts.Profile, opts.Lang = "cn-carrier", l
			c.edit(&in)
			x, err := NewTicket(in, opts)
			if err != nil {
				t.Fatal(c.name, err)
			}
			if !strings.Contains(x.Chat, c.want[l]) || slices.ContainsFunc(c.not, func(s string) bool { return strings.Contains(x.Chat, s) }) {
				t.Errorf("%s: no %q (or one of %q) in\n%s", c.name, c.want[l], c.not, x.Chat)
			}
		}
	}
}

// quiet makes an incident one in which no packet was lost; its first member.
func quiet(inc *Incident) *Member {
	inc.Members = slices.Clone(inc.Members[:1])
	inc.Affected, inc.Common = 1, nil
	m := &inc.Members[0]
	m.Lost, m.Burst, m.Dense = 0, nil, nil
	m.Pings.RTTUS = slices.Clone(m.Pings.RTTUS)
	m.Pings.Answer = strings.Repeat(string(rune(AnswerReply)), len(m.Pings.Answer))
	return m
}
