package report

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// Lang is a language in which verdicts and explanations are given. Stored
// verdicts are in English.
type Lang string

// The languages, as BCP 47 names them.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// Langs are all languages, the one for who asks for none first.
var Langs = []Lang{English, Chinese}

// ParseLang finds the language that a name means: "zh", "zh-CN", "zh_CN.UTF-8",
// "en-GB".
func ParseLang(name string) (Lang, bool) {
	primary := strings.ToLower(strings.TrimSpace(name))
	if i := strings.IndexAny(primary, "-_."); i >= 0 {
		primary = primary[:i]
	}
	for _, l := range Langs {
		if primary == string(l) {
			return l, true
		}
	}
	return "", false
}

// A catalogue is a flat TOML file: a key, and a sentence with the verbs of
// fmt. All languages have the same keys with the same verbs; where the
// order of words differs, a verb names its argument: "%[2]s".
//
//go:embed words/*.toml
var wordFiles embed.FS

// catalogues are read once: the files are part of the program.
var catalogues = sync.OnceValue(func() map[Lang]map[string]string {
	all := make(map[Lang]map[string]string, len(Langs))
	for _, l := range Langs {
		c, err := readCatalogue(l)
		if err != nil {
			panic(err) // no test would have passed
		}
		all[l] = c
	}
	return all
})

func readCatalogue(l Lang) (map[string]string, error) {
	data, err := wordFiles.ReadFile("words/" + string(l) + ".toml")
	if err != nil {
		return nil, err
	}
	c := map[string]string{}
	if err := toml.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("words/%s.toml: %w", l, err)
	}
	return c, nil
}

// Say gives the sentence for a key with its arguments. A key that there is
// none for is given back as it is, and a language that there is not is
// English.
func (l Lang) Say(key string, args ...any) string {
	c, ok := catalogues()[l]
	if !ok {
		c = catalogues()[English]
	}
	s, ok := c[key]
	switch {
	case !ok:
		return key
	case len(args) == 0 && strings.IndexByte(s, '%') < 0:
		return s
	case l == Chinese:
		s = closeUp(s, args)
	}
	return fmt.Sprintf(s, args...)
}

// verb is one of a sentence, with the spaces that part it from the words
// around it; "%%" is none.
var verb = regexp.MustCompile(`%%| ?%(?:\[(\d+)\])?[a-z] ?`)

// closeUp takes the spaces away that a Chinese sentence has around a verb,
// where the argument has a Chinese character at that end: they part the
// characters from Latin letters and numbers.
func closeUp(s string, args []any) string {
	if !slices.ContainsFunc(args, func(a any) bool { t, ok := a.(string); return ok && (hanFirst(t) || hanLast(t)) }) {
		return s
	}
	next := 0
	return verb.ReplaceAllStringFunc(s, func(m string) string {
		if m == "%%" {
			return m
		}
		if n := verb.FindStringSubmatch(m)[1]; n != "" {
			next, _ = strconv.Atoi(n)
			next--
		}
		arg := ""
		if next < len(args) {
			arg, _ = args[next].(string)
		}
		next++
		if hanFirst(arg) {
			m = strings.TrimPrefix(m, " ")
		}
		if hanLast(arg) {
			m = strings.TrimSuffix(m, " ")
		}
		return m
	})
}

// hanFirst and hanLast say that a text begins, and ends, with a Chinese
// character, or a mark as wide as one.
func hanFirst(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return doubleWide(r)
}

func hanLast(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return doubleWide(r)
}

// count is a number of things, named by the key of one of them: "1 probe",
// "12 probes".
func (l Lang) count(n int, what string) string {
	if n == 1 {
		return l.Say("n." + what + ".one")
	}
	return l.Say("n."+what, n)
}

// of is "3 of 10 probes", the things named as for count.
func (l Lang) of(x, n int, what string) string {
	return l.Say("of", x, l.count(n, what))
}

// counted is "3 of 10 probes (30 %, 95 % interval 6.6 to 65.3 %)".
func (l Lang) counted(loss *Loss, what string) string {
	if loss == nil || loss.Sent == 0 {
		return l.of(0, 0, what)
	}
	return l.Say("counted", loss.Lost, l.count(loss.Sent, what), percent(100*float64(loss.Lost)/float64(loss.Sent)), percent(loss.Low), percent(loss.High))
}

// join puts a sentence behind others.
func (l Lang) join(before, next string) string {
	switch {
	case before == "":
		return next
	case next == "":
		return before
	}
	return before + l.Say("space") + next
}
