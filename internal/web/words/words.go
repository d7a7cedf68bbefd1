// Package words says in the reader's language what the pages say. A
// catalogue is a flat TOML file: a key, and a sentence with the verbs of
// fmt. Both languages have the same keys with the same verbs; where the
// order of words differs, a verb names its argument: "%[2]s".
//
//	"day.count" = "%d reports"          in en.toml
//	"day.count" = "报告 %d 份"            in zh.toml
package words

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// Lang is a language that the pages speak.
type Lang string

// The tags are those of BCP 47, as Accept-Language and the lang attribute
// have them.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// All are the languages, the one for who asks for none first.
var All = []Lang{English, Chinese}

//go:embed *.toml
var files embed.FS

// catalogues are read once: the files are part of the program.
var catalogues = sync.OnceValue(func() map[Lang]map[string]string {
	all := make(map[Lang]map[string]string, len(All))
	for _, l := range All {
		c, err := read(l)
		if err != nil {
			panic(err) // no test would have passed
		}
		all[l] = c
	}
	return all
})

func read(l Lang) (map[string]string, error) {
	data, err := files.ReadFile(string(l) + ".toml")
	if err != nil {
		return nil, err
	}
	c := map[string]string{}
	if err := toml.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%s.toml: %w", l, err)
	}
	return c, nil
}

// Parse finds the language that a name means: "zh", "zh-CN", "en-GB".
func Parse(name string) (Lang, bool) {
	primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "-")
	for _, l := range All {
		if primary == string(l) {
			return l, true
		}
	}
	return "", false
}

// Has says whether there is a sentence for key: for keys that are made of
// words from elsewhere, such as the class of a verdict.
func (l Lang) Has(key string) bool {
	_, ok := catalogues()[l][key]
	return ok
}

// Say gives the sentence for key with its arguments. A key that there is
// none for is given back as it is: a page with a strange word is better
// than none.
func (l Lang) Say(key string, args ...any) string {
	s, ok := catalogues()[l][key]
	switch {
	case !ok:
		return key
	case len(args) == 0 && strings.IndexByte(s, '%') < 0:
		return s
	}
	return fmt.Sprintf(s, args...)
}

// Format is the sentence for key with its verbs, for who fills them in
// elsewhere; empty where there is none.
func (l Lang) Format(key string) string { return catalogues()[l][key] }

// HTMLTag is what the lang attribute of a page says.
func (l Lang) HTMLTag() string {
	if l == Chinese {
		return "zh-Hans"
	}
	return string(l)
}

// Keys are all keys of a language, in no order.
func (l Lang) Keys() []string {
	var out []string
	for k := range catalogues()[l] {
		out = append(out, k)
	}
	return out
}
