package chart

// Colours, each with one meaning. The ramp of loss goes from light to dark
// (on a dark page from dark to light), so that it reads without colour, too,
// and loss has a height besides; they are those of the pictures of reports.
const (
	inkPaper  = "#ffffff"
	inkDark   = "#1a1a1a"
	inkSoft   = "#5a5a5a"
	inkGrid   = "#d4d4d4"
	inkAnswer = "#0b5fa5" // a median, an answer
	inkInner  = "#8fbbdd" // the middle half of the times
	inkBand   = "#bcd6ea" // from the least of the times to the greatest
	inkClean  = "#d6e6f2" // measured, nothing lost
	inkNone   = "#f1f1f1" // not measured
	inkMute   = "#c9c9c9" // measured, and nobody can say
	inkShade  = "#fff0d2" // an incident
	inkBar    = "#c98500"
	inkLate   = "#8a5a00" // a late answer, a suspect
)

var ramp = [...]string{"#fdd0a2", "#fc8d59", "#e34a33", "#b30000", "#5e0000"}

// Palette is every colour of the pictures but those of badges, which look
// the same on any page. A style sheet for dark pages replaces each.
func Palette() []string {
	return append([]string{inkPaper, inkDark, inkSoft, inkGrid, inkAnswer, inkInner, inkBand, inkClean, inkNone, inkMute, inkShade, inkBar, inkLate}, ramp[:]...)
}

// Step is which of the five colours of the ramp stands for a loss in
// percent, 0 to 4; -1 for none.
func Step(percent float64) int {
	switch {
	case !(percent > 0):
		return -1
	case percent >= 100:
		return 4
	case percent > 60:
		return 3
	case percent > 30:
		return 2
	case percent > 10:
		return 1
	}
	return 0
}

// colourOf is the fill of a loss in percent.
func colourOf(percent float64) string {
	if i := Step(percent); i >= 0 {
		return ramp[i]
	}
	return inkClean
}
