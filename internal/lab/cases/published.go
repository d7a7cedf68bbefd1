package cases

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mtrq/mtrq/report"
	"github.com/pelletier/go-toml/v2"
)

// A Published text is a trace that somebody else has published, and what it
// shows by the rules.
type Published struct {
	File  string `toml:"file"` // without ".txt"
	Title string `toml:"title"`
	URL   string `toml:"url"`
	Shows string `toml:"shows"` // what the source says

	Class  report.Class   `toml:"class"`
	Also   []report.Class `toml:"also"` // right, too
	Link   []int          `toml:"link"` // TTLs between which the trouble begins; none: nowhere
	Enough bool           `toml:"enough"`
	Note   string         `toml:"note"`

	Text []byte `toml:"-"`
}

// ReadPublished reads the texts that cases.toml of a directory names. A text
// that it does not name is an error, too.
func ReadPublished(dir string) ([]Published, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cases.toml"))
	if err != nil {
		return nil, fmt.Errorf("read published texts: %w", err)
	}
	var list struct {
		Case []Published `toml:"case"`
	}
	if err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(&list); err != nil {
		return nil, fmt.Errorf("read published texts: cases.toml: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return nil, err
	}
	for i := range list.Case {
		p := &list.Case[i]
		name := filepath.Join(dir, p.File+".txt")
		if p.Text, err = os.ReadFile(name); err != nil {
			return nil, fmt.Errorf("read published texts: %w", err)
		}
		if n := len(p.Link); n != 0 && n != 2 {
			return nil, fmt.Errorf("read published texts: %s: a link has 2 ends, not %d", p.File, n)
		}
		k := slices.Index(files, name)
		if k < 0 {
			return nil, fmt.Errorf("read published texts: %s is named twice", p.File)
		}
		files = slices.Delete(files, k, k+1)
	}
	if len(files) > 0 {
		return nil, fmt.Errorf("read published texts: no label for %s", files[0])
	}
	return list.Case, nil
}

// label is what a verdict on a text should say. Innocent are those that
// nobody's loss explains.
func (p *Published) label() Label {
	l := Label{Class: p.Class, Also: p.Also, Enough: p.Enough, Truth: p.Title}
	if len(p.Link) == 2 {
		l.From, l.To = p.Link[0], p.Link[1]
	}
	l.Innocent = !p.allows(report.RealLoss) && !p.allows(report.OwnNetwork)
	return l
}

func (p *Published) allows(c report.Class) bool { return p.Class == c || slices.Contains(p.Also, c) }

// JudgePublished scores the verdicts on published texts. One that cannot be
// read is an error. A loss of one's own network that is called a carrier's
// counts as blame, too.
func JudgePublished(all []Published, judge func(*report.Evidence) report.Verdict) (*Score, error) {
	s := newScore()
	var bad []error
	for i := range all {
		p := &all[i]
		traces, err := report.ParseForeign(p.Text)
		if err == nil && len(traces) != 1 {
			err = fmt.Errorf("%d traces, want 1", len(traces))
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", p.File, err))
			continue
		}
		d := judge(&traces[0].Report().Evidence)
		l := p.label()
		s.add(&Case{Name: p.File, Group: string(traces[0].Program), Label: l}, d)
		if d.Class == report.RealLoss && !l.Innocent && !p.allows(report.RealLoss) {
			s.Blamed = append(s.Blamed, p.File)
		}
	}
	return s, errors.Join(bad...)
}
