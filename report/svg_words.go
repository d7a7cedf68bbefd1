package report

import "fmt"

// SVGOptions are for a picture that a page shows among words of its own.
type SVGOptions struct {
	// Bare leaves title, verdict and names out: the page has them.
	Bare bool

	// Narrow makes the picture 360 px wide, with what a row is above it: for a
	// telephone. It is always bare.
	Narrow bool

	// Words are labels in another language, by what SVGWords has, with the
	// same verbs of fmt. A label that is missing stays English.
	Words map[string]string

	// Verdict is that of the report, for who has judged it already; nil: it
	// is judged here. A picture of an incident judges by itself.
	Verdict *Verdict
}

// SVGWords are the labels of the pictures, in English. What a verdict says
// is none of them.
func SVGWords() []string {
	words := []string{
		"%s, times at %s",
		"began", "noticed", "first probe", "opened", "last loss", "recovered",
		"first look complete", "long look", "asked by %s", "end",
		"lost %d of %d", "pings unknown", "its burst: lost %d of %d", "several a second: lost %d of %d",
		"RTT p50 %s ms", "max %s ms", "scale 0 to %s ms",
		"and %d more", "episode %d, %s to %s",
		"Hops (traces: %d)", "packets lost at each hop on the way to %s, by %s; the last row is what counts",
		"No trace of %s is at hand.", "hops not shown: %d", "silent",
		"hop", "lost/sent", "p50 ms", "each answer of the target",
		"answer", "late answer", "none lost", "episode", "not asked", "hop that never answers, or ping not known",
		"~ limits its own answers: harmless",
	}
	return append(words, rampWords[:]...)
}

// say is a label in the language of the picture.
func (p *canvas) say(label string, args ...any) string {
	if s, ok := p.Words[label]; ok {
		label = s
	}
	if len(args) == 0 {
		return label
	}
	return fmt.Sprintf(label, args...)
}
