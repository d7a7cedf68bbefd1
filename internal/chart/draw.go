package chart

import (
	"fmt"
	"strings"
)

// A sheet is a picture that grows; what is painted alike becomes one path.
type sheet struct {
	wide, tall float64
	stretch    bool // a page may make it as wide as it likes; no words are in it
	linked     bool // parts of it lead somewhere
	b          strings.Builder
}

func (s *sheet) text(x, y float64, size int, fill, anchor, words string) {
	fmt.Fprintf(&s.b, `<text x="%s" y="%s" font-size="%d" fill="%s"`, num(x), num(y), size, fill)
	if anchor != "" {
		fmt.Fprintf(&s.b, ` text-anchor="%s"`, anchor)
	}
	fmt.Fprintf(&s.b, ">%s</text>\n", escaped(words))
}

// finish gives the whole picture. id tells its parts from those of other
// pictures on a page, title and desc are for who cannot see it. A picture with
// links is none for a screen reader, which would meet hundreds of them or,
// were it an image, none: the page says in words what it shows, and has the
// same links in lists.
func (s *sheet) finish(id, title, desc string) []byte {
	var out strings.Builder
	stretch := ""
	if s.stretch {
		stretch = ` preserveAspectRatio="none"`
	}
	if s.linked {
		fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s"%s aria-hidden="true" font-family="system-ui, Helvetica, Arial, sans-serif">`+"\n",
			num(s.wide), num(s.tall), num(s.wide), num(s.tall), stretch)
		out.WriteString(s.b.String())
		out.WriteString("</svg>\n")
		return []byte(out.String())
	}
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s"%s role="img" aria-labelledby="%s-t %s-d" font-family="system-ui, Helvetica, Arial, sans-serif">`+"\n",
		num(s.wide), num(s.tall), num(s.wide), num(s.tall), stretch, escaped(id), escaped(id))
	fmt.Fprintf(&out, `<title id="%s-t">%s</title>`+"\n", escaped(id), escaped(title))
	fmt.Fprintf(&out, `<desc id="%s-d">%s</desc>`+"\n", escaped(id), escaped(desc))
	out.WriteString(s.b.String())
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

// box is a rectangle as part of a path.
func box(x, y, wide, tall float64) string {
	return "M" + num(x) + " " + num(y) + "h" + num(wide) + "v" + num(tall) + "h" + num(-wide) + "z"
}

// A brush collects shapes by their paint, in the order in which the paints
// came.
type brush struct {
	order []string
	paths map[string]*strings.Builder
}

func (b *brush) add(paint, shape string) {
	if b.paths == nil {
		b.paths = make(map[string]*strings.Builder)
	}
	path := b.paths[paint]
	if path == nil {
		path = &strings.Builder{}
		b.paths[paint] = path
		b.order = append(b.order, paint)
	}
	path.WriteString(shape)
}

func (b *brush) draw(s *sheet) {
	for _, paint := range b.order {
		fmt.Fprintf(&s.b, `<path %s d="%s"/>`+"\n", paint, b.paths[paint].String())
	}
}

func fill(colour string) string { return `fill="` + colour + `"` }

func stroke(colour string, width float64) string {
	return `fill="none" stroke="` + colour + `" stroke-width="` + num(width) + `"`
}
