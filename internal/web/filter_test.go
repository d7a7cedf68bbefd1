package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

var testDay = archive.Date{Year: 2026, Month: 11, Day: 23}

func TestReadView(t *testing.T) {
	hk, err := time.LoadLocation("Asia/Hong_Kong")
	if err != nil {
		t.Fatal(err)
	}
	q, err := url.ParseQuery("target=203.0.113.7&prefix=203.0.113.9/24&loss=>5+%25&verdict=real-loss,uplink-cut&verdict=clean&freshness=tail&tag=circuit=GZ=1&tag=vip" +
		"&from=13:00&to=24:00&reason=zabbix&node=hk1&source=watchdog&sort=loss&dir=asc&limit=20&offset=40")
	if err != nil {
		t.Fatal(err)
	}
	v, p := readView(q, testDay, hk)
	if p != nil {
		t.Fatal(p.detail)
	}
	f := v.Filter
	if f.Target != "203.0.113.7" || f.Prefix.String() != "203.0.113.0/24" || *f.LossAbove != 5 || len(f.Verdicts) != 3 || f.Verdicts[1] != report.UplinkCut ||
		f.Freshness[0] != report.Tail || f.Tags["circuit"] != "GZ=1" || f.Reason != "zabbix" || f.Node != "hk1" || f.Source != "watchdog" {
		t.Errorf("filter %+v", f)
	}
	if _, has := f.Tags["vip"]; !has {
		t.Error("a tag without a value is lost")
	}
	if got := f.From.Format(time.RFC3339) + " " + f.To.Format(time.RFC3339); got != "2026-11-23T13:00:00+08:00 2026-11-24T00:00:00+08:00" {
		t.Errorf("from and to: %s", got)
	}
	if v.Sort != archive.SortLoss || !v.Ascending || v.Limit != 20 || v.Offset != 40 {
		t.Errorf("view %+v", v)
	}
	if v, p := readView(url.Values{"target": {" "}, "loss": {""}}, testDay, hk); p != nil || v.Filter.Target != "" || v.Limit != maxRows {
		t.Errorf("empty fields: %+v, %v", v, p)
	}
}

// TestBadFilter: a filter that is not understood is never ignored, and the
// answer says which one and what would do.
func TestBadFilter(t *testing.T) {
	n := newNode(t)
	n.archived(sample(newID(noon), noon))
	for _, tt := range []struct{ query, name, hint string }{
		{"los=5", "los", "loss"},
		{"loss=many", "loss", "0 to 100"},
		{"loss=101", "loss", "0 to 100"},
		{"loss=NaN", "loss", "0 to 100"},
		{"prefix=203.0.113.7", "prefix", "203.0.113.0/24"},
		{"verdict=bad", "verdict", "real-loss"},
		{"freshness=new", "freshness", "in-event"},
		{"source=me", "source", "watchdog"},
		{"tag==x", "tag", "circuit"},
		{"from=noon", "from", "13:00"},
		{"from=25:00", "from", "13:00"},
		{"from=14:00&to=13:00", "to", "before"},
		{"sort=size", "sort", "loss"},
		{"dir=up", "dir", "asc"},
		{"limit=0", "limit", "1 to 5000"},
		{"limit=5001", "limit", "1 to 5000"},
		{"offset=-1", "offset", "0 to"},
		{"before=x", "before", "newest"},
		{"sort=loss&before=" + newID(noon).String(), "before", "offset"},
		{"target=a&target=b", "target", "1 times"},
		{"reason=" + strings.Repeat("x", maxFilter+1), "reason", "shorten"},
		{"tag=" + strings.Repeat("a&tag=", maxTags+1) + "a", "tag", "at most"},
		{"target=%zz", "query", "urlencode"},
		{"a;b=c", "query", "urlencode"},
	} {
		for _, as := range []string{asBrowser, "Accept: text/plain", asProgram} {
			a := n.get("/2026/11/23/?"+tt.query, as)
			if a.StatusCode != 400 || !strings.Contains(a.body, tt.name) || !strings.Contains(a.body, tt.hint) || !strings.Contains(a.body, codeParameter) {
				t.Errorf("?%s as %s: %s\n%s", tt.query, as, a.Status, a.body)
			}
		}
	}
}

// TestClockText: a link to an hour gives that hour back, also where the
// clock is set back and shows an hour twice, and where it skips one.
func TestClockText(t *testing.T) {
	for _, zone := range []string{"Asia/Hong_Kong", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "UTC"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for day := (archive.Date{Year: 2026, Month: 1, Day: 1}); day.Year == 2026; day = day.Add(1) {
			end := day.Add(1).Start(loc)
			for at := day.Start(loc); !at.After(end); at = at.Add(30 * time.Minute) {
				r := listReader{q: url.Values{"from": {clockText(at, day, loc)}}, day: day, loc: loc}
				if got := r.moment("from"); !got.Equal(at) || r.problem != nil {
					t.Fatalf("%s: %s becomes %q, which is read as %s", zone, at, clockText(at, day, loc), got)
				}
			}
		}
	}
}

func FuzzReadView(f *testing.F) {
	for _, s := range []string{"target=203.0.113.7&loss=5", "tag=a=b&tag=c", "from=13:00&to=2026-11-23T14:00:00+08:00", "prefix=2001:db8::/32", "sort=loss&dir=asc&offset=3",
		"verdict=real-loss,clean", "before=01KAR1ABTB5H2ZJ0Q4V7W8X9YZ", "loss=1e400", "a=%ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		v, p := readView(q, testDay, time.UTC)
		if p != nil {
			if p.status != 400 || p.detail == "" || p.hint == "" {
				t.Errorf("a problem without words: %+v", p)
			}
			return
		}
		if v.Limit < 1 || v.Limit > maxLimit || v.Offset < 0 || len(v.Filter.Tags) > maxTags {
			t.Errorf("view beyond its bounds: %+v", v)
		}
		// A link that the page makes of it is understood in the same way.
		again, err := url.ParseQuery(strings.TrimPrefix(without(q), "?"))
		if err != nil {
			t.Fatal(err)
		}
		w, p := readView(again, testDay, time.UTC)
		if p != nil || w.Filter.Target != v.Filter.Target || w.Limit != v.Limit || !w.Filter.From.Equal(v.Filter.From) {
			t.Errorf("%q becomes %q: %v", query, without(q), p)
		}
	})
}
