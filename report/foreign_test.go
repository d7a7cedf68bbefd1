package report

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// foreignShape is a foreign trace in one line: program, target, and of each hop the
// hosts, lost of sent and the mean in ms.
func foreignShape(f *Foreign) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s>%s/%v", f.Program, f.Source, f.Target, f.Address)
	if f.Assumed {
		b.WriteString("?")
	}
	for _, h := range f.Hops {
		fmt.Fprintf(&b, "; %d", h.TTL)
		for _, x := range h.Hosts {
			fmt.Fprintf(&b, " %s", x)
			if x.AS > 0 {
				fmt.Fprintf(&b, " AS%d", x.AS)
			}
		}
		fmt.Fprintf(&b, " %d/%d", h.Lost, h.Sent)
		if h.RTT != nil {
			fmt.Fprintf(&b, " %.1f", float64(h.RTT.Avg)/1e6)
		}
		if h.Turned {
			b.WriteString(" !")
		}
		for _, l := range h.Labels {
			fmt.Fprintf(&b, " L%d", l)
		}
	}
	return b.String()
}

func TestParseForeign(t *testing.T) {
	for name, want := range map[string]string{
		"mtr-r.txt": "mtr hk1>/203.0.113.7?; 1 192.0.2.1 0/100 0.4; 2 198.18.0.5 60/100 1.7; 3 100/100; 4 198.18.0.13 24/100 8.8; " +
			"5 198.18.0.17 26/100 9.8; 6 203.0.113.7 25/100 10.1",
		"mtr-wzbe.txt": "mtr hk1>203.0.113.7/203.0.113.7; 1 gateway (192.0.2.1) 0/10 0.4; 2 core1.example.net (198.18.0.5) AS64500 198.18.0.6 0/10 1.7 L24015 L24016; " +
			"3 core2.example.net (198.18.0.9) AS64500 edge9.example.net (198.18.0.10) 4/10 1.7; 4 edge.example.net (203.0.113.7) AS64501 0/10 10.1",
		"mtr-screen.txt": "mtr hk1>203.0.113.7/203.0.113.7; 1 192.0.2.1 0/31 0.4; 2 0/0; 3 198.18.0.9 198.18.0.10 0/30 1.7; 4 203.0.113.7 1/30 10.1",
		"mtr-o.txt":      "mtr hk1>/203.0.113.7?; 1 192.0.2.1 0/50 0.4; 2 203.0.113.7 1/50 9.9",
		"mtr.json":       "mtr --json hk1>203.0.113.7/203.0.113.7; 1 192.0.2.1 0/20 0.4; 2 20/20; 3 203.0.113.7 AS64501 0/20 9.4",
		"mtr.csv": "mtr --csv >203.0.113.7/203.0.113.7; 1 gw.example.net (192.0.2.1) 0/100 0.4; 2 100/100; 3 198.18.0.5 AS64500 20/100 4.4; " +
			"4 203.0.113.7 AS64501 22/100 12.4",
		"winmtr.txt": "WinMTR >edge.example.net/invalid IP?; 1 192.0.2.1 0/100 0.0; 2 20/20; 3 core1.example.net 12/100 9.0; 4 edge.example.net 11/100 10.0",
		"traceroute.txt": "traceroute >edge.example.net/203.0.113.7; 1 gw.example.net (192.0.2.1) 0/3 0.4; 2 198.18.0.5 AS64500 198.18.0.6 AS64500 0/3 1.7; 3 3/3; " +
			"4 edge.example.net (203.0.113.7) AS64501 1/3 9.1",
		"traceroute-n.txt": "traceroute >203.0.113.7/203.0.113.7; 1 192.0.2.1 0/3 0.4; 2 198.18.0.5 198.18.0.6 1/3 1.6; 3 198.18.0.9 1/3 5.0 !",
		"tracert.txt":      "tracert >edge.example.net/203.0.113.7; 1 192.0.2.1 0/3 1.0; 2 3/3; 3 core1.example.net (198.18.0.9) 1/3 5.0; 4 edge.example.net (203.0.113.7) 0/3 8.7",
		"tracert-zh.txt":   "tracert >edge.example.net/203.0.113.7; 1 192.0.2.1 0/3 1.0; 2 3/3; 3 198.18.0.9 1/3 5.0; 4 203.0.113.7 0/3 8.7",
		"tracert-gbk.txt":  "tracert >edge.example.net/203.0.113.7; 1 192.0.2.1 0/3 1.0; 2 3/3; 3 198.18.0.9 1/3 5.0; 4 203.0.113.7 0/3 8.7",
		"tracert-de.txt":   "tracert >edge.example.net/203.0.113.7; 1 192.0.2.1 0/3 1.0; 2 3/3; 3 3/3",
		"mtr-waiting.txt":  "mtr hk1>edge.example.net/203.0.113.7; 1 192.0.2.1 0/61 0.4; 2 0/0; 3 198.18.0.9 0/61 9.7; 4 0/0; 5 0/0",
		"mtr-typed.txt":    "mtr hk1>203.0.113.7/203.0.113.7; 1 192.0.2.1 0/100 0.4; 2 198.18.0.9 AS64500 0/100 1.7; 3 100/100",
		"mtr-broken.txt": "mtr hk1.example.net>/203.0.113.7?; 1 192.0.2.1 0/100 0.4; 2 core1.static.clients.example.net (198.18.0.5) 198.18.0.6 0/100 0.6; " +
			"3 core2.static.clients.example.net 0/100 0.6; 4 203.0.113.7 AS64501 7/100 9.6",
		"winmtr-zh.txt": "WinMTR >edge.example.net/invalid IP?; 1 192.0.2.1 0/100 0.0; 2 20/20; 3 edge.example.net 11/100 10.0",
		"winmtr.html":   "WinMTR >edge.example.net/invalid IP?; 1 192.0.2.1 0/100 0.0; 2 20/20; 3 edge.example.net 11/100 10.0",
		"traceroute-cisco.txt": "traceroute >edge.example.net/203.0.113.7; 1 192.0.2.1 0/3 2.7; 2 198.18.0.5 AS64500 core2.example.net (198.18.0.6) AS64500 0/3 8.0 L24015 L24016; " +
			"3 3/3; 4 edge.example.net (203.0.113.7) AS64501 1/3 10.0",
		"traceroute-huawei.txt": "traceroute >203.0.113.7/203.0.113.7; 1 192.0.2.1 0/3 1.3; 2 198.18.0.5 0/3 3.3; 3 3/3; 4 203.0.113.7 0/3 5.3",
		"traceroute-a.txt": "traceroute >edge.example.net/203.0.113.7; 1 gw.example.net (192.0.2.1) 0/3 1.0; " +
			"2 core1.example.net (198.18.0.5) AS64500 core2.example.net (198.18.0.6) AS64999 0/3 5.3; 3 198.18.0.9 AS64500 1/3 7.0; 4 edge.example.net (203.0.113.7) AS64501 0/3 9.2",
		"traceroute-comma.txt": "traceroute >203.0.113.7/203.0.113.7; 1 192.0.2.1 0/3 0.6; 2 203.0.113.7 0/3 9.4",
		"tracert-failure.txt":  "tracert >203.0.113.7/203.0.113.7; 1 0/0",
	} {
		b, err := os.ReadFile(filepath.Join("testdata", "foreign", name))
		if err != nil {
			t.Fatal(err)
		}
		// As it is, quoted in a mail, below a prompt, with a byte order mark, and as
		// PowerShell writes it, with its mark and without.
		quoted := "> " + strings.ReplaceAll(strings.TrimRight(string(b), "\n"), "\n", "\n> ")
		texts := []string{string(b), quoted, "[root@hk1 ~]$ cat it\n" + string(b), "\xef\xbb\xbf" + string(b)}
		if utf8.Valid(b) {
			for _, o := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
				var wide []byte
				for _, u := range utf16.Encode([]rune(string(b))) {
					wide = o.AppendUint16(wide, u)
				}
				texts = append(texts, string(wide), string(o.AppendUint16(nil, 0xfeff))+string(wide))
			}
		}
		for _, text := range texts {
			got, err := ParseForeign([]byte(text))
			if err != nil || len(got) != 1 {
				t.Errorf("%s: %d traces, %v", name, len(got), err)
				continue
			}
			if s := foreignShape(got[0]); s != want {
				t.Errorf("%s:\n got %s\nwant %s\nof %.30q", name, s, want, text)
			}
		}
	}
}

// TestParseForeignSeveral: both directions in one paste.
func TestParseForeignSeveral(t *testing.T) {
	b, err := os.ReadFile("testdata/foreign/mtr-r.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseForeign([]byte("there:\n" + string(b) + "\nand back:\n" + strings.ReplaceAll(string(b), "hk1", "de1")))
	if err != nil || len(got) != 2 || got[0].Source != "hk1" || got[1].Source != "de1" || len(got[0].Hops) != 6 || len(got[1].Hops) != 6 {
		t.Fatalf("got %d traces, %v", len(got), err)
	}
	j, err := os.ReadFile("testdata/foreign/mtr.json")
	if err != nil {
		t.Fatal(err)
	}
	back := strings.ReplaceAll(string(j), "hk1", "de1")
	for name, text := range map[string]string{
		"one below the other": string(j) + "\n" + back + "\n-- \nKind regards",
		"an array":            "[" + string(j) + "," + back + "]",
		"below commands":      "{code}\n$ mtr --json a\n" + string(j) + "\n$ mtr --json b\n" + back + "{code}",
	} {
		got, err := ParseForeign([]byte(text))
		if err != nil || len(got) != 2 || got[0].Source != "hk1" || got[1].Source != "de1" || len(got[0].Hops) != 3 || len(got[1].Hops) != 3 {
			t.Errorf("JSON, %s: got %d traces, %v", name, len(got), err)
		}
	}
	// A second document that cannot be read is an error, not left out.
	if got, err := ParseForeign([]byte(string(j) + strings.Replace(back, "hubs", "hops", 1))); !errors.Is(err, ErrForeign) || got != nil {
		t.Errorf("JSON, the second is none of mtr's: got %d traces, %v", len(got), err)
	}
}

// TestParseForeignPrograms: texts of several programs in one paste are all read,
// in their order.
func TestParseForeignPrograms(t *testing.T) {
	text := make(map[string]string)
	for _, name := range []string{"mtr-r.txt", "mtr.json", "mtr.csv", "winmtr.txt", "winmtr.html", "traceroute.txt", "traceroute-a.txt", "traceroute-cisco.txt", "tracert.txt", "tracert-failure.txt"} {
		b, err := os.ReadFile(filepath.Join("testdata", "foreign", name))
		if err != nil {
			t.Fatal(err)
		}
		text[name] = string(b)
	}
	shape := func(s string) (out string) {
		all, err := ParseForeign([]byte(s))
		if err != nil {
			return err.Error()
		}
		for _, f := range all {
			out += foreignShape(f) + "\n"
		}
		return out
	}
	for a := range text {
		for b := range text {
			if a == b {
				continue
			}
			for _, between := range []string{"", "\nand a day before, at 10:\n"} {
				if got, want := shape(text[a]+between+text[b]), shape(text[a])+shape(text[b]); got != want {
					t.Errorf("%s and %s:\n got %swant %s", a, b, got, want)
				}
			}
		}
	}
	quoted := "> " + strings.ReplaceAll(text["winmtr.txt"], "\n", "\n> ")
	all, err := ParseForeign([]byte("$ traceroute -n 203.0.113.7\n" + text["traceroute.txt"] + quoted + "\n" + text["mtr-r.txt"]))
	if err != nil || len(all) != 3 || all[0].Protocol != "udp" || all[1].Protocol != "icmp" || all[2].Protocol != "" {
		t.Errorf("a command of traceroute's, with WinMTR and mtr below: %d traces, %v", len(all), err)
	}
	// A list below a trace is none, even if it speaks of addresses.
	list := "\nWe see at 203.0.113.7:\n\n 1  198.18.0.1 loses: bad\n"
	if got, want := shape(text["mtr-r.txt"]+list), shape(text["mtr-r.txt"]); got != want {
		t.Errorf("a list below:\n got %swant %s", got, want)
	}
	headless := text["mtr-r.txt"] + " 1  192.0.2.1 (192.0.2.1)  0.3 ms  0.4 ms  0.4 ms\n"
	if got := shape(headless); !strings.Contains(got, "line 9: a hop as traceroute prints it") {
		t.Errorf("a traceroute without its first line: %s", got)
	}
}

func TestParseForeignBad(t *testing.T) {
	head := "HOST: hk1  Loss%   Snt   Last   Avg  Best  Wrst StDev\n  1.|-- 192.0.2.1  0.0%   100    0.4   0.4   0.3   0.6   0.1\n"
	unix := "traceroute to 203.0.113.5 (203.0.113.5), 30 hops max\n 1  192.0.2.1  0.4 ms  0.4 ms  0.4 ms\n"
	csv := "Mtr_Version,Start_Time,Status,Host,Hop,Ip,Loss%,Snt, ,Last,Avg,Best,\n"
	win := "| Host - % | Sent | Recv | Best | Avrg | Wrst | Last |\n"
	for name, text := range map[string]string{
		"nothing":                       "",
		"words":                         "the line is slow since monday\nplease help",
		"no loss figure":                head + "  2.|-- 192.0.2.2\n",
		"broken off":                    head + "  2.|--\n  3.|-- 192.0.2.3  0.0%   100    0.4   0.4   0.3   0.6   0.1\n",
		"broken, a word":                head + "  2.|--\nhelp\n",
		"a comma in a count":            head + "  2.|-- 192.0.2.2  0.0%   1,000    0.4   0.4   0.3   0.6   0.1\n",
		"other columns":                 "| 主机 - % | 接收 | 发送 | 最好 | 平均 | 最差 | 最近 |\n| 192.0.2.1 - 50 | 100 | 90 | 0 | 0 | 0 | 0 |\n",
		"no head":                       " 1  192.0.2.1 (192.0.2.1)  0.3 ms  0.4 ms  0.4 ms\n 2  * * *\n",
		"a list":                        "Trouble at 203.0.113.7 since 14:05, and of 30 users:\n\n  1  Restarted it.\n  2  No change.\n",
		"loss of 120 %":                 head + "  2.|-- 192.0.2.2  120%   100    0.4   0.4   0.3   0.6   0.1\n",
		"negative":                      head + "  2.|-- 192.0.2.2  0.0%   -5    0.4   0.4   0.3   0.6   0.1\n",
		"part of a probe":               head + "  2.|-- 192.0.2.2  0.0%   5.5    0.4   0.4   0.3   0.6   0.1\n",
		"not a number":                  head + "  2.|-- 192.0.2.2  NaN   5    0.4   0.4   0.3   0.6   0.1\n",
		"CSV without its columns":       "MTR.0.95,1795725933,OK,203.0.113.7,1,192.0.2.1,0.00,100,0,0.40,0.40,0.30,0.60,0.10\n",
		"CSV with commas in figures":    csv + "MTR.0.95,1795725933,OK,203.0.113.7,1,192.0.2.1,0,00,100,0,0,40,0,40,0,30\n",
		"CSV of 120 %":                  csv + "MTR.0.95,1795725933,OK,203.0.113.7,1,192.0.2.1,120.00,100,0,0.40,0.40,0.30\n",
		"CSV without a hop":             csv + "MTR.0.95,1795725933,OK,203.0.113.7,x,192.0.2.1,0.00,100,0,0.40,0.40,0.30\n",
		"CSV of TTL 300":                csv + "MTR.0.95,1795725933,OK,203.0.113.7,300,192.0.2.1,0.00,100,0,0.40,0.40,0.30\n",
		"CSV that is no number":         csv + "MTR.0.95,1795725933,OK,203.0.113.7,1,192.0.2.1,NaN,100,0,0.40,0.40,0.30\n",
		"XML":                           "<?xml version=\"1.0\"?>\n<MTR SRC=\"hk1\" DST=\"203.0.113.7\">\n    <HUB COUNT=\"1\" HOST=\"192.0.2.1\">\n",
		"XML below a table":             head + "<MTR SRC=\"hk1\" DST=\"203.0.113.7\">\n",
		"traceroute, a time broken":     unix + " 2  core1.example.net (192.0.2.2)  0.4 ms  0.39\n0 ms\n",
		"traceroute, a unit broken":     unix + " 2  core1.example.net (192.0.2.2)  0.4 m\ns  0.3 ms  0.3 ms\n",
		"traceroute, a name broken":     unix + " 2  core1.exam\nple.net (192.0.2.2)  0.3 ms  0.3 ms\n",
		"traceroute, a host alone":      unix + " 2  core1.example.net (192.0.2.2)\n 3  192.0.2.3  0.3 ms  0.3 ms\n",
		"traceroute, a time alone":      unix + "\n0.4 ms  0.3 ms\n 2  192.0.2.3  0.3 ms  0.3 ms\n",
		"traceroute, more than a hop's": unix + " 2  192.0.2.2  0.3 ms  0.3 ms  0.3 ms\n* * *\nKind regards\n",
		"TTL of 300":                    head + "  300.|-- 192.0.2.2  0.0%   5    0.4   0.4   0.3   0.6   0.1\n",
		"an hour of time":               head + "  2.|-- 192.0.2.2  0.0%   5    0.4   36e5   0.3   0.6   0.1\n",
		"a year of time":                head + "  2.|-- 192.0.2.2  0.0%   5    0.4   9e99   0.3   0.6   0.1\n",
		"more than sent":                win + "| 192.0.2.1 - 0 | 10 | 11 | 0 | 0 | 0 | 0 |\n",
		"too few columns":               win + "| 192.0.2.1 - 0 | 10 | 10 | 0 | 0 |\n",
		"other JSON":                    `{"a": 1}`,
		"broken JSON":                   `{"report": {"hubs": [{"count": 1`,
		"JSON without probe":            `{"report": {"mtr": {}, "hubs": [{"count": 1, "host": "192.0.2.1"}]}}`,
		"JSON backwards":                `{"report": {"mtr": {}, "hubs": [{"count": 2, "Snt": 1}, {"count": 1, "Snt": 1}]}}`,
		"nobody asked":                  head[:strings.Index(head, "\n")+1] + "  1.|-- 192.0.2.1  0.0%   0    0.4   0.4   0.3   0.6   0.1\n",
		"too long":                      strings.Repeat("x", MaxForeignBytes+1),
	} {
		got, err := ParseForeign([]byte(text))
		if !errors.Is(err, ErrForeign) || got != nil {
			t.Errorf("%s: got %d traces, error %v", name, len(got), err)
		}
		if err != nil && strings.HasPrefix(name, "traceroute, ") && !strings.Contains(err.Error(), ": line ") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.HasPrefix(name, "XML") && !strings.Contains(err.Error(), "mtr --xml is not read: give") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "broken off" && !strings.Contains(err.Error(), "line 3: hop 2 is broken off") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForeignVerdict(t *testing.T) {
	for name, want := range map[string]struct {
		class Class
		link  string
	}{
		"mtr-r.txt":        {RealLoss, "1-4"},
		"mtr-wzbe.txt":     {Clean, ""},
		"mtr-screen.txt":   {NotProven, ""},
		"mtr-waiting.txt":  {NotProven, ""},
		"mtr-typed.txt":    {NotProven, ""},
		"mtr.json":         {Clean, ""},
		"winmtr.txt":       {RealLoss, "1-3"},
		"traceroute.txt":   {NotProven, ""},
		"traceroute-n.txt": {TargetFilters, ""},
		"tracert.txt":      {Clean, ""},
		"tracert-de.txt":   {NotProven, ""},

		"tracert-failure.txt": {MeasurementFault, ""},
	} {
		b, err := os.ReadFile(filepath.Join("testdata", "foreign", name))
		if err != nil {
			t.Fatal(err)
		}
		all, err := ParseForeign(b)
		if err != nil {
			t.Fatal(err)
		}
		r := all[0].Report()
		d := r.Evidence.Verdict
		link := ""
		if d.Link != nil {
			link = fmt.Sprintf("%d-%d", d.Link.From.TTL, d.Link.To.TTL)
		}
		if d.Class != want.class || link != want.link || d.Grade == Certain || len(d.Spells) > 0 {
			t.Errorf("%s: %s %s %q, %d spells\n%s", name, d.Class, d.Grade, link, len(d.Spells), ForeignText(all[0], English))
		}
		for _, l := range Langs {
			s := strings.Join(strings.Fields(ForeignText(all[0], l)), "") // lines break anywhere
			if !strings.Contains(s, strings.Join(strings.Fields(l.Say("foreign.counts")), "")) || strings.Contains(s, "00:00:0") || strings.Contains(s, "invalid IP") {
				t.Errorf("%s %s:\n%s", name, l, s)
			}
		}
	}
}

// TestForeignTarget: who says what was traced is told when the last line is
// another.
func TestForeignTarget(t *testing.T) {
	b, err := os.ReadFile("testdata/foreign/mtr-r.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, err := ParseForeign(b)
	if err != nil {
		t.Fatal(err)
	}
	all[0].SetTarget("203.0.113.99", netip.MustParseAddr("203.0.113.99"))
	if r := all[0].Report(); r.Evidence.Target.TTL != nil {
		t.Errorf("203.0.113.7 passes for 203.0.113.99:\n%s", ForeignText(all[0], English))
	}
}

func FuzzParseForeign(f *testing.F) {
	files, err := filepath.Glob("testdata/foreign/*")
	if err != nil || len(files) < 10 {
		f.Fatal(files, err)
	}
	published, err := filepath.Glob("testdata/published/*.txt")
	if err != nil || len(published) < 25 {
		f.Fatal(published, err)
	}
	for _, name := range append(files, published...) {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := ParseForeign(b)
		if err != nil {
			if all != nil || !errors.Is(err, ErrForeign) {
				t.Fatalf("%d traces beside %v", len(all), err)
			}
			return
		}
		if len(all) == 0 {
			t.Fatal("neither a trace nor an error")
		}
		for _, x := range all {
			r := x.Report()
			if err := r.Evidence.checkHops(); err != nil {
				t.Fatal(err)
			}
			Explain(r, Chinese)
			Table(r)
			for _, l := range Langs {
				s := ForeignText(x, l)
				if strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
					t.Fatalf("control byte in %q", s)
				}
			}
			if d := r.Evidence.Verdict; d.Loss != nil && (d.Loss.Lost > d.Loss.Sent || d.Loss.Low > d.Loss.High) {
				t.Fatalf("loss %+v", d.Loss)
			}
		}
	})
}

// checkHops is the part of check that a foreign trace must pass, too.
func (e *Evidence) checkHops() error {
	if t := e.Target.TTL; t != nil && (*t < 1 || *t > len(e.Hops)) {
		return fmt.Errorf("target at TTL %d of %d", *t, len(e.Hops))
	}
	for i := range e.Hops {
		if e.Hops[i].TTL != i+1 {
			return fmt.Errorf("hop %d has TTL %d", i+1, e.Hops[i].TTL)
		}
		if err := e.checkSeries("hop", &e.Hops[i].Series); err != nil {
			return err
		}
	}
	return e.checkSeries("ping", &e.Ping)
}

// TestForeignOrder: the order in which lost probes are laid out means nothing.
// One lost probe stands last there, behind a long clean stretch.
func TestForeignOrder(t *testing.T) {
	hop := func(ttl, lost int) ForeignHop {
		return ForeignHop{TTL: ttl, Sent: 5000, Lost: lost, Hosts: []ForeignHost{{Addr: netip.AddrFrom4([4]byte{198, 18, 0, byte(ttl)})}}}
	}
	f := &Foreign{Program: ForeignMTR, Hops: []ForeignHop{hop(1, 0), hop(2, 1), hop(3, 1)}}
	if err := f.finish(); err != nil {
		t.Fatal(err)
	}
	v := look(&f.Report().Evidence)
	if len(v.calm()) > 0 || v.when() != "" || v.shift() != nil || v.rise() != nil {
		t.Errorf("calm %v, when %q", v.calm(), v.when())
	}
	if v.target.Lost != 1 || v.target.Sent != 5000 || v.hops[1].Sent != 5000 {
		t.Errorf("target %+v", v.target)
	}
}
