package report

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
)

var fmtVerb = regexp.MustCompile(`%(\[(\d+)\])?([a-z%])`)

// verbsOf are the verbs of a sentence by number of the argument.
func verbsOf(t *testing.T, key, s string) map[int]string {
	out := make(map[int]string)
	next := 1
	for _, m := range fmtVerb.FindAllStringSubmatch(s, -1) {
		if m[3] == "%" {
			continue
		}
		n := next
		if m[2] != "" {
			n, _ = strconv.Atoi(m[2])
		}
		if was, ok := out[n]; ok && was != m[3] {
			t.Errorf("%q: argument %d is %%%s and %%%s", key, n, was, m[3])
		}
		out[n] = m[3]
		next = n + 1
	}
	return out
}

// TestCatalogues: every language has every key, with the same verbs, and
// what it says is of that language.
func TestCatalogues(t *testing.T) {
	all := catalogues()
	for _, l := range Langs {
		for key, s := range all[l] {
			en, ok := all[English][key]
			if !ok {
				t.Errorf("%s has %q, which English has not", l, key)
				continue
			}
			got, want := verbsOf(t, key, s), verbsOf(t, key, en)
			if len(got) != len(want) {
				t.Errorf("%s %q: %q has other verbs than %q", l, key, s, en)
			}
			for n, v := range want {
				if got[n] != v {
					t.Errorf("%s %q: argument %d is %%%s, in English %%%s", l, key, n, got[n], v)
				}
			}
			if strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("%s %q has a control character", l, key)
			}
		}
		for key := range all[English] {
			if s, ok := all[l][key]; !ok || s == "" && key != "space" {
				t.Errorf("%s lacks %q", l, key)
			}
		}
	}
	for key, s := range all[Chinese] {
		if !strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) && !slices.Contains([]string{"space", "of", "comma", "semicolon", "untraced.why", "ticket.colon"}, key) {
			t.Errorf("zh %q is not Chinese: %q", key, s)
		}
	}
}

// TestCataloguesAreUsed looks for each key in the source, and for each key
// of the source in the catalogue.
func TestCataloguesAreUsed(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	source := ""
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source += string(b)
	}
	english := catalogues()[English]
	for key := range english {
		base := strings.TrimSuffix(key, ".one")
		made := strings.HasPrefix(key, "n.") || strings.HasPrefix(key, "rule.") || strings.HasPrefix(key, "class.") || strings.HasPrefix(key, "grade.")
		if !made && !strings.Contains(source, `"`+key+`"`) && !strings.Contains(source, `"`+base+`"`) {
			t.Errorf("nobody says %q", key)
		}
	}
	for _, m := range regexp.MustCompile(`(?:(?:[lL]ang|l)\.Say\(|\.tell\(&?d, |say\()"([a-z0-9]+\.[a-z0-9.]+|clean|chance|few|late|lost|udp|paced|back|loop|shift|silent|known|filters|usual)"[,)]`).FindAllStringSubmatch(source, -1) {
		if _, ok := english[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
			t.Errorf("the catalogue has no %q", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`\.(?:count|of|counted)\([^"\n]*"([a-z]+)"\)`).FindAllStringSubmatch(source, -1) {
		if _, ok := english["n."+m[1]]; !ok {
			t.Errorf("the catalogue has no %q", "n."+m[1])
		}
	}
}

// TestChineseSpaces: a space parts Latin letters from characters, and two
// characters are next to each other.
func TestChineseSpaces(t *testing.T) {
	for _, c := range []struct {
		key  string
		args []any
		want string
	}{
		{"inc.lost", []any{"203.0.113.7", "9.8 秒"}, "203.0.113.7 丢包，9.8 秒。"},
		{"inc.lost", []any{"40 个监测目标中的 2 个", "x"}, "40 个监测目标中的 2 个丢包，x。"},
		{"inc.none", []any{"目标", "x"}, "没有目标丢包的记录，x。"},
		{"inc.none", []any{"网关 gw", "x"}, "没有网关 gw 丢包的记录，x。"},
		{"and", []any{"203.0.113.7", "另外 2 个目标"}, "203.0.113.7 和另外 2 个目标"},
		{"inc.of", []any{2, 40}, "40 个监测目标中的 2 个"},
		{"and", []any{"87 个目标", "1 个锚点"}, "87 个目标和 1 个锚点"},
		{"begins", []any{"198.18.0.1", "第 3 跳（198.18.0.2）"}, "丢包始于 198.18.0.1 与第 3 跳（198.18.0.2）之间，去程或回程。"},
		{"filters", []any{Other{Protocol: "tcp", Port: 443}.name(Chinese), "ICMP"}, "它对 TCP 443 端口有应答：它过滤了 ICMP。"},
		{"filters.settle", []any{Other{Protocol: "tcp", Port: 443}.name(Chinese)}, "用 TCP 443 端口做路由跟踪"},
		{"ticket.lost", []any{Chinese.of(0, 300, "ping")}, "丢 0/300 个 ping 包"},
		{"span.at", []any{Chinese.lasting(14 * time.Minute), Chinese.lasting(14*time.Minute + 5*time.Second)}, "时间 14 分钟（时区 14 分 5 秒）"},
		{"clean", []any{"目标", "5 个探测包", "3"}, "目标无丢包：已发 5 个探测包（95% 置信区间 0～3%）。"},
		{"need.ping", []any{"电信", 100, 3, "本机"}, "电信要求同时段 100 个 ping，目前只有 3 个。趁故障未恢复，运行 ping -c 100 本机并附上输出；以后可将其加入 [watch] targets。"},
	} {
		if got := Chinese.Say(c.key, c.args...); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.key, c.args, got, c.want)
		}
	}
	// The spaces around a verb go where a character comes beside it, so that every
	// sentence has them; what may be empty or brings its own is left out.
	glued := regexp.MustCompile(`\p{Han}%(\[\d\])?[a-z]|%(\[\d\])?[a-z]\p{Han}`)
	for key, s := range catalogues()[Chinese] {
		own := strings.HasPrefix(key, "need.") || strings.HasPrefix(key, "withheld.") || strings.HasPrefix(key, "untraced.") || strings.HasPrefix(key, "ticket.complete") || key == "ticket.missing"
		if glued.MatchString(s) && !own {
			t.Errorf("%s: no space around a verb: %s", key, s)
		}
	}
	for name, s := range incidents(t) {
		text := JudgeIncidentIn(s.inc, s.reports, Chinese).Sentence
		if m := regexp.MustCompile(`\p{Han} \p{Han}`).FindString(text); m != "" {
			t.Errorf("%s: %q in %s", name, m, text)
		}
	}
}

func TestParseLang(t *testing.T) {
	for name, want := range map[string]Lang{"zh": Chinese, "zh-CN": Chinese, "zh_CN.UTF-8": Chinese, " EN-gb ": English, "de": "", "": "", "C.UTF-8": ""} {
		if got, ok := ParseLang(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v", name, got, ok)
		}
	}
}
