package report

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// textOf is an mtr report of hops, each "lost/sent" or "lost/sent best"; hop n is
// 198.18.0.n.
func textOf(hops ...string) string {
	var b strings.Builder
	b.WriteString("HOST: hk1  Loss%  Snt  Drop  Best  Avg  Wrst\n")
	for i, h := range hops {
		var lost, sent int
		ms := 1.0
		if n, _ := fmt.Sscanf(h, "%d/%d %f", &lost, &sent, &ms); n < 2 {
			panic(h)
		}
		fmt.Fprintf(&b, " %d.|-- 198.18.0.%d  %.1f%%  %d  %d  %.1f  %.1f  %.1f\n", i+1, i+1, 100*float64(lost)/float64(sent), sent, lost, ms, ms, ms)
	}
	return b.String()
}

func readOne(t *testing.T, text string) *Foreign {
	t.Helper()
	all, err := ParseForeign([]byte(text))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d traces, %v\n%s", len(all), err, text)
	}
	return all[0]
}

// TestForeignWhose: R14 and R13 of counts without times.
func TestForeignWhose(t *testing.T) {
	for name, c := range map[string]struct {
		hops  []string
		class Class
		link  string
		says  string
	}{
		"the same everywhere":            {[]string{"6/100", "5/100", "7/100", "6/100"}, OwnNetwork, "0-1", "stands still"},
		"the same, one limits beside":    {[]string{"6/100", "60/100", "7/100", "6/100"}, OwnNetwork, "0-1", "stands still"},
		"from hop 2 on":                  {[]string{"0/100", "9/100", "9/100", "9/100"}, RealLoss, "1-2", "begins"},
		"from hop 3 on, hop 1 limits":    {[]string{"30/100", "0/100", "30/100", "30/100"}, RealLoss, "2-3", "begins"},
		"a limit beside the place":       {[]string{"0/1000", "600/1000", "400/1000", "400/1000"}, RealLoss, "1-3", "begins"},
		"few probes to the hops":         {[]string{"0/9", "0/9", "1/9", "5/43"}, NotProven, "", "asked often enough"},
		"few to each of many hops":       {[]string{"0/18", "0/18", "0/18", "0/18", "0/18", "0/18", "0/18", "0/18", "0/18", "5/93"}, NotProven, "", "asked often enough"},
		"few to each, enough together":   {[]string{"0/40", "0/40", "0/40", "0/40", "0/40", "0/40", "6/60"}, RealLoss, "6-7", "begins"},
		"many losses, few probes to hop": {[]string{"0/3", "0/3", "20/60"}, RealLoss, "", "cannot be told"},
		"as many probes, few lost":       {[]string{"0/200", "5/200"}, NotProven, "", "at least 400 probes"},
		"two hops, few lost":             {[]string{"0/100", "0/100", "4/100"}, NotProven, "", "by chance"},
		"one of ten everywhere":          {[]string{"1/10", "1/10", "1/10"}, NotProven, "", "at random"},
		"40 % from hop 2 on":             {[]string{"0/100", "40/100", "40/100"}, RealLoss, "1-2", "begins"},
		"half from hop 2 on":             {[]string{"0/100", "50/100", "52/100"}, RealLoss, "1-2", "begins"},
		"half, at the target alone":      {[]string{"0/200", "0/200", "0/200", "104/200"}, NotProven, "", "nothing shows clearly that the loss begins before it"},
		"half, a limit at hop 2 as well": {[]string{"0/100", "50/100", "0/100", "52/100"}, NotProven, "", "nothing shows clearly that the loss begins before it"},
	} {
		d := readOne(t, textOf(c.hops...)).Report().Evidence.Verdict
		link := ""
		if d.Link != nil {
			link = fmt.Sprintf("%d-%d", d.Link.From.TTL, d.Link.To.TTL)
		}
		if d.Class != c.class || link != c.link || !strings.Contains(d.Sentence+d.Settle, c.says) {
			t.Errorf("%s: %s %q %v, want %s %q and %q\n%s", name, d.Class, link, d.Rules, c.class, c.link, c.says, d.Sentence)
		}
	}
}

// TestForeignFarther: R8 of a text is a step that no distance explains.
func TestForeignFarther(t *testing.T) {
	for name, c := range map[string]struct {
		hops  []string
		class Class
		link  string
	}{
		"a step that stays":    {[]string{"0/10 1", "0/10 2", "0/10 340", "0/10 341"}, Latency, "2-3"},
		"beside a limit":       {[]string{"0/10 1", "4/10 2", "0/10 340", "0/10 341"}, Latency, "2-3"},
		"a cable under a sea":  {[]string{"0/10 1", "0/10 2", "0/10 240", "0/10 241"}, Clean, ""},
		"one slow router":      {[]string{"0/10 1", "0/10 900", "0/10 3", "0/10 3"}, Clean, ""},
		"two steps of a globe": {[]string{"0/10 1", "0/10 200", "0/10 400"}, Clean, ""},
		"too few probes":       {[]string{"0/5 1", "0/5 2", "0/5 400"}, Clean, ""},
	} {
		d := readOne(t, textOf(c.hops...)).Report().Evidence.Verdict
		link := ""
		if d.Link != nil {
			link = fmt.Sprintf("%d-%d", d.Link.From.TTL, d.Link.To.TTL)
		}
		if d.Class != c.class || link != c.link {
			t.Errorf("%s: %s %q, want %s %q\n%s", name, d.Class, link, c.class, c.link, d.Sentence)
		}
	}
}

// TestForeignAround: what stands around a trace, and lines that are not as the
// program wrote them.
func TestForeignAround(t *testing.T) {
	table := textOf("0/10", "2/10", "0/10")
	unix := "traceroute to 203.0.113.5 (203.0.113.5), 30 hops max\n 1  192.0.2.1  1 ms  1 ms  1 ms\n"
	for name, c := range map[string]struct{ text, want string }{
		"a prompt in brackets": {"[root@hk1 ~]# mtr -r 198.18.0.3\n" + table,
			"mtr hk1>198.18.0.3/198.18.0.3; 1 198.18.0.1 0/10 1.0; 2 198.18.0.2 2/10 1.0; 3 198.18.0.3 0/10 1.0"},
		"no loss where nobody answered": {"HOST: hk1 Loss% Snt Last Avg Best Wrst StDev\n 1. 192.0.2.1 0.0% 10 0.3 0.6 0.3 1.2 0.3\n 2. ??? 0.0% 10 0.0 0.0 0.0 0.0 0.0\n",
			"mtr hk1>/invalid IP?; 1 192.0.2.1 0/10 0.6; 2 10/10"},
		"nearly all lost": {"HOST: hk1 Loss% Snt Last Avg Best Wrst StDev\n 1. 192.0.2.1 100.0% 4000 0.3 0.6 0.3 1.2 0.3\n 2. 192.0.2.2 0.0% 4000 0.3 0.6 0.3 1.2 0.3\n",
			"mtr hk1>/192.0.2.2?; 1 192.0.2.1 3999/4000 0.6; 2 192.0.2.2 0/4000 0.6"},
		"stars behind the target": {"traceroute to 203.0.113.5 (203.0.113.5), 30 hops max\n 1  192.0.2.1  1 ms  1 ms  1 ms\n 2  203.0.113.5  2 ms  2 ms  2 ms\n 3  * * *\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 203.0.113.5 0/3 2.0"},
		"a console of 80 columns": {"Tracing route to 203.0.113.5 over a maximum of 30 hops\n\n  1    12 ms    13 ms    14 ms  core1.example.net [198.18.0.\n1]\n  2     2 ms     2 ms     2 ms  203.0.113.5\n",
			"tracert >203.0.113.5/203.0.113.5; 1 core1.example.net (198.18.0.1) 0/3 13.0; 2 203.0.113.5 0/3 2.0"},
		"turned back": {"Tracing route to 203.0.113.5 over a maximum of 30 hops\n\n  1    <1 ms    <1 ms    <1 ms  192.0.2.1\n  2  192.0.2.1  reports: Destination net unreachable.\n",
			"tracert >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 192.0.2.1 0/1 !"},
		"turned back at the third": {"通过最多 30 个跃点跟踪到 203.0.113.5 的路由\n\n  1     *        *     edge [192.0.2.1]  报告: 无法访问目标主机。\n",
			"tracert >203.0.113.5/203.0.113.5; 1 edge (192.0.2.1) 2/3 !"},
		"Cisco, turned back in place of times": {"Tracing the route to 203.0.113.5\n  1 192.0.2.1 4 msec 0 msec 4 msec\n  2 198.18.0.1 !H  *  !H\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 2.7; 2 198.18.0.1 1/3 !"},
		"Cisco, turned back each time": {"Tracing the route to 203.0.113.5\n  1 192.0.2.1 4 msec 0 msec 4 msec\n  2 198.18.0.1 !A !A !A\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 2.7; 2 198.18.0.1 0/3 !"},
		"turned back behind times": {unix + " 2  198.18.0.1  5 ms !H * 6 ms !H\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 198.18.0.1 1/3 5.5 !"},
		"broken by mail, stars": {unix + " 2  edge.example.net (203.0.113.5)  12.1 ms\n* *\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 edge.example.net (203.0.113.5) 2/3 12.1"},
		"broken by mail, each line": {"> traceroute to 203.0.113.5 (203.0.113.5), 30 hops max\n>  1  gw.example.net (192.0.2.1)  1 ms  2 ms\n> 3 ms\n>  2  edge.example.net (203.0.113.5)  *\n> * 12.1 ms\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 gw.example.net (192.0.2.1) 0/3 2.0; 2 edge.example.net (203.0.113.5) 2/3 12.1"},
		"broken before a unit": {unix + " 2  core1.example.net (198.18.0.1)  1.0 ms  2.0\nms  3.0 ms\n 3  203.0.113.5  4 ms  4 ms  4\nms\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 core1.example.net (198.18.0.1) 0/3 2.0; 3 203.0.113.5 0/3 4.0"},
		"broken before a host": {unix + " 2  core1.example.net (198.18.0.1)  1.0 ms\ncore2 (198.18.0.2)  2.0 ms  3.0 ms\n 3  203.0.113.5  4 ms  4 ms  4 ms\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 core1.example.net (198.18.0.1) core2 (198.18.0.2) 0/3 2.0; 3 203.0.113.5 0/3 4.0"},
		"broken twice": {unix + " 2  core1.example.net (198.18.0.1)  1.0 ms\ncore2.example.net (198.18.0.2)\n2.0 ms  3.0 ms\nKind regards\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 core1.example.net (198.18.0.1) core2.example.net (198.18.0.2) 0/3 2.0"},
		"broken before the times": {unix + " 2  core1.example.net\n(198.18.0.1)  1.0 ms  2.0 ms  3.0 ms\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 core1.example.net (198.18.0.1) 0/3 2.0"},
		"words that begin with a time": {unix + " 2  203.0.113.5  2 ms  2 ms  2 ms\n12 ms is usual.\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 203.0.113.5 0/3 2.0"},
		"stars as a rule below": {unix + " 2  203.0.113.5  2 ms  2 ms  2 ms\n\n* * *\nKind regards\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 203.0.113.5 0/3 2.0"},
		"interrupted": {unix + " 2  core1.example.net (198.18.0.1)  1.0 ms  2.0 ms^C\n",
			"traceroute >203.0.113.5/203.0.113.5; 1 192.0.2.1 0/3 1.0; 2 core1.example.net (198.18.0.1) 0/2 1.5"},
		"words in place of a name": {"| Host - % | Sent | Recv | Best | Avrg | Wrst | Last |\n| Destination host unreachable. - 1 | 100 | 99 | 1 | 1 | 1 | 1 |\n| 203.0.113.5 - 0 | 100 | 100 | 1 | 1 | 1 | 1 |\n",
			"WinMTR >/203.0.113.5?; 1 1/100 1.0; 2 203.0.113.5 0/100 1.0"},
	} {
		if got := foreignShape(readOne(t, c.text)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// TestForeignEnd: what the last line is.
func TestForeignEnd(t *testing.T) {
	row := func(ttl int, host string) string {
		return fmt.Sprintf(" %d.|-- %s  0.0%%  10  1.0  1.0  1.0  1.0  0.0\n", ttl, host)
	}
	head := "HOST: hk1  Loss%  Snt  Last  Avg  Best  Wrst StDev\n"
	typed := "$ mtr -rwc 100 203.0.113.7\n"
	windows := "Tracing route to 203.0.113.7 over a maximum of 30 hops\n\n  1    <1 ms    <1 ms    <1 ms  192.0.2.1\n"
	unix := "traceroute to 203.0.113.7 (203.0.113.7), 30 hops max\n 1  gw.example.net  1 ms  1 ms  1 ms\n"
	silent := " %d.|-- %s  100.0  10  0.0  0.0  0.0  0.0  0.0\n"
	for name, c := range map[string]struct {
		text  string
		class Class
		says  string
	}{
		"a router of a loop":        {head + row(1, "192.0.2.1") + row(2, "198.18.0.1") + row(3, "198.18.0.2") + row(4, "198.18.0.1") + row(5, "198.18.0.2"), RoutingLoop, ""},
		"the target twice":          {head + row(1, "192.0.2.1") + row(2, "203.0.113.7") + row(3, "203.0.113.7"), Clean, ""},
		"named, and silent":         {head + row(1, "192.0.2.1") + row(2, "198.18.0.1") + fmt.Sprintf(silent, 3, "203.0.113.7"), TargetFilters, ""},
		"silent":                    {head + row(1, "192.0.2.1") + row(2, "198.18.0.1") + fmt.Sprintf(silent, 3, "???"), NotProven, ""},
		"silent before it, too":     {head + row(1, "192.0.2.1") + fmt.Sprintf(silent, 2, "???") + fmt.Sprintf(silent, 3, "203.0.113.7"), NotProven, ""},
		"silent, at no TTL (\"?\")": {head + row(1, "192.0.2.1") + strings.Replace(fmt.Sprintf(silent, 2, "203.0.113.7"), "2.", "?.", 1), NotProven, ""},
		"waiting":                   {head + row(1, "192.0.2.1") + row(2, "198.18.0.1") + " 3. (waiting for reply)\n", NotProven, "has not answered: behind hop 2 (198.18.0.1)"},
		"waiting, older screens":    {head + row(1, "192.0.2.1") + " 2. ???\n", NotProven, "has not answered: behind hop 1 (192.0.2.1)"},
		"typed, and reached":        {typed + head + row(1, "192.0.2.1") + row(2, "203.0.113.7"), Clean, ""},
		"typed, and not reached":    {typed + head + row(1, "192.0.2.1") + row(2, "198.18.0.1"), NotProven, "ends at hop 2 (198.18.0.1): whether 203.0.113.7 answers"},
		"turned back at once":       {windows + "  2  198.18.0.1  reports: Destination net unreachable.\n", NotProven, "hop 2 (198.18.0.1) says that it cannot be reached (1 time)."},
		"turned back by the first":  {windows + "  2  192.0.2.1  reports: Destination net unreachable.\n", NotProven, "gateway"},
		"turned back, names alone":  {unix + " 2  core1.example.net  1 ms !N  1 ms !N  1 ms !N\n", TargetFilters, "hop 2 (core1.example.net) says that it cannot be reached (3 times)."},
		"refused by the target":     {unix + " 2  203.0.113.7  1 ms !X *  1 ms !X\n", TargetFilters, "203.0.113.7 answered 2 of 3 probes, but only to say that it cannot be reached."},
		"could not send":            {windows + "  2  General failure.\n\nTrace complete.\n", MeasurementFault, "hop 2 has words in place of times"},
		"words behind the table":    {windows + "  2     2 ms     2 ms     2 ms  203.0.113.7\n\n  3  It is fast.\n", Clean, ""},
		"interrupted":               {windows + "  2  ^C", NotProven, "ends at hop 1 (192.0.2.1)"},
	} {
		if d := readOne(t, c.text).Report().Evidence.Verdict; d.Class != c.class || !strings.Contains(d.Sentence+d.Settle, c.says) || strings.Contains(d.Sentence, "answered none") && strings.Contains(d.Sentence, "the target says") || strings.Contains(d.Sentence, "cannot be reached") && strings.Contains(d.Settle, "more probes") {
			t.Errorf("%s: %s, want %s: %s", name, d.Class, c.class, d.Sentence)
		}
	}
}

// TestForeignProtocol: the command above a trace, also one without a flag, or
// mtrq's own line, says it.
func TestForeignProtocol(t *testing.T) {
	table := textOf("0/10", "0/10")
	for above, want := range map[string]string{
		"":                           "",
		"$ mtr -rwzbc100 198.18.0.2": "icmp",
		"$ mtr -rwnc 100 198.18.0.2\n$ mtr -T -P 443 -rwnc 100 198.18.0.2": "", // whose table it is, is not plain
		"we ran mtr to 198.18.0.2":           "",
		"$ mtr -rwT -P 443 198.18.0.2":       "tcp",
		"# /usr/sbin/mtr --udp 198.18.0.2":   "udp",
		"$ mtr -T a\n$ mtr -u a":             "",
		"Traced: from hk1; tcp port 443":     "tcp",
		"Traced: from hk1 (HK), ::1; icmp, ": "icmp",
	} {
		if f := readOne(t, above+"\n"+table); f.Protocol != want {
			t.Errorf("%q: %q, want %q", above, f.Protocol, want)
		}
	}
	route := "traceroute to 203.0.113.5 (203.0.113.5), 30 hops max\n 1  192.0.2.1  1 ms\n"
	for above, want := range map[string]string{"$ traceroute -n 203.0.113.5": "udp", "$ traceroute 203.0.113.5\n$ traceroute -T 203.0.113.5": "", "": "", "$ traceroute -In 203.0.113.5": "icmp", "$ traceroute6 -T 203.0.113.5": "tcp"} {
		if f := readOne(t, above+"\n"+route); f.Protocol != want {
			t.Errorf("%q: %q, want %q", above, f.Protocol, want)
		}
	}
}

// TestForeignRow: a verdict names the router of the line, not one below it.
func TestForeignRow(t *testing.T) {
	head := "HOST: hk1 Loss% Snt Last Avg Best Wrst StDev\n  1.|-- 192.0.2.1  0.0%  100  0.4  0.4  0.3  0.6  0.0\n"
	rest := "%  100  4.4  4.4  4.3  4.6  0.0\n"
	for name, c := range map[string]struct{ text, says string }{
		"two, a third lost":    {"  2.|-- 198.18.0.1  30.0" + rest + "        198.18.0.5\n  3.|-- 203.0.113.7  30.0" + rest, "hop 2 (198.18.0.1)"},
		"two, a few lost":      {"  2.|-- 198.18.0.1  7.0" + rest + "        198.18.0.5\n  3.|-- 203.0.113.7  9.0" + rest, "hop 2 (198.18.0.1)"},
		"three, silent behind": {"  2.|-- 198.18.0.1  10.0" + rest + "        198.18.0.5\n        198.18.0.9\n  3.|-- ???  100.0" + rest, "hop 2 (198.18.0.1)"},
		"none lost":            {"  2.|-- 198.18.0.1  0.0" + rest + "        198.18.0.5\n  3.|-- 203.0.113.7  30.0" + rest, "hop 2 (198.18.0.1)"},
		"a name alone":         {"  2.|-- core1.example.net  30.0" + rest + "        198.18.0.5\n  3.|-- 203.0.113.7  30.0" + rest, "hop 2 (core1.example.net)"},
	} {
		if d := readOne(t, head+c.text).Report().Evidence.Verdict; !strings.Contains(d.Sentence, c.says) {
			t.Errorf("%s: want %s: %s", name, c.says, d.Sentence)
		}
	}
}

// TestForeignUDP: hops of which too few losses are known to place the loss may
// yet show some, and the sentence must not deny it.
func TestForeignUDP(t *testing.T) {
	f := readOne(t, "$ mtr -u -rwc100 198.18.0.6\n"+textOf("0/100", "0/100", "0/100", "5/100", "5/100", "6/100"))
	if d := f.Report().Evidence.Verdict; d.Class != NotProven || strings.Contains(d.Sentence, "no hop") || !strings.Contains(d.Sentence, "nothing shows clearly") {
		t.Errorf("%s: %s", d.Class, d.Sentence)
	}
}

// TestForeignSameHost: a name and an address are no contradiction, but no proof
// either.
func TestForeignSameHost(t *testing.T) {
	a := netip.MustParseAddr("192.0.2.1")
	if !(ForeignHost{Addr: a, Name: "x"}).same(ForeignHost{Addr: a}) || (ForeignHost{Addr: a, Name: "x"}).same(ForeignHost{Name: "x"}) ||
		!(ForeignHost{Name: "X"}).same(ForeignHost{Name: "x"}) || (ForeignHost{}).same(ForeignHost{}) {
		t.Error("hosts are compared by something else than their address, or else their name")
	}
}

// TestTypedTarget: of a command all but one word are options.
func TestTypedTarget(t *testing.T) {
	for line, want := range map[string]string{
		"$ mtr 203.0.113.7":                                      "203.0.113.7",
		"root@hk1:~# mtr -rwzbc100 203.0.113.7":                  "203.0.113.7",
		"# /usr/sbin/mtr edge.example.net -c 10 -r | tee x":      "edge.example.net",
		"% sudo mtr -6 -T -P 443 -m 60 -i 0.2 2001:db8::7 > x":   "2001:db8::7",
		"mtr --report --report-cycles 10 --psize=64 198.18.0.2.": "198.18.0.2",
		"mtr -r 203.0.113.7 203.0.113.8":                         "",
		"mtr yesterday":                                          "",
		"we ran mtr to 203.0.113.7":                              "",
		"mtr -c 203.0.113.7":                                     "",
		"xmtr 203.0.113.7":                                       "",
	} {
		if got := typedTarget(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
