package report

import (
	"fmt"
	"strings"
)

// Text is the ticket as plain text, for mail and forms. It holds no control
// byte but newlines.
func (t *Ticket) Text() string {
	var b strings.Builder
	line := func(s string) { b.WriteString(wrapWide(s, textWidth) + "\n") }
	line(t.Title)
	if t.Chat != "" {
		line("")
		line(t.Chat)
	}
	line("")
	line(t.Verdict)
	if t.Settle != "" {
		line(t.Lang.Say("explain.settle", t.Settle))
	}
	for _, p := range t.Points {
		line("")
		line(fmt.Sprintf("%d. %s", p.Number, p.Title))
		for _, f := range p.Facts {
			line(fmt.Sprintf("   %s%s%s", f.Label, t.colon(), f.Value))
		}
		for _, k := range p.Blocks {
			line(fmt.Sprintf("   %s%s", k.Title, strings.TrimSpace(t.colon())))
			b.WriteString(k.Text + "\n") // as it is: a table does not wrap
		}
	}
	if t.Redacted {
		line("")
		line(t.Lang.Say("ticket.redacted"))
	}
	return b.String()
}

func (t *Ticket) colon() string { return t.Lang.Say("ticket.colon") }

// CheckText is what is missing of a ticket, what is not in it on purpose, and
// what would make it better: for the sender, not for the carrier.
func (t *Ticket) CheckText() string {
	var b strings.Builder
	list := func(head string, items []string) {
		if len(items) == 0 {
			return
		}
		fmt.Fprintf(&b, "%s%s\n", head, strings.TrimSpace(t.colon()))
		for _, x := range items {
			fmt.Fprintf(&b, "  - %s\n", x)
		}
	}
	who := t.Lang.spaced(t.Profile.Name(t.Lang))
	if len(t.Missing) == 0 {
		key := "ticket.complete"
		if len(t.Withheld) > 0 {
			key = "ticket.complete.redacted"
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(t.Lang.Say(key, who)))
	}
	list(t.Lang.Say("ticket.missing", who), t.Missing)
	list(t.Lang.Say("ticket.withheld"), t.Withheld)
	list(t.Lang.Say("ticket.hints"), t.Hints)
	return b.String()
}

// Markdown is the ticket for systems that render it. What could be read as
// markup is escaped; tables stand in fenced blocks.
func (t *Ticket) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", escapeMarkdown(t.Title))
	if t.Chat != "" {
		fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(t.Chat))
	}
	fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(t.Verdict))
	if t.Settle != "" {
		fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(t.Lang.Say("explain.settle", t.Settle)))
	}
	for _, p := range t.Points {
		fmt.Fprintf(&b, "\n## %d. %s\n\n", p.Number, escapeMarkdown(p.Title))
		for _, f := range p.Facts {
			fmt.Fprintf(&b, "- %s%s%s\n", escapeMarkdown(f.Label), t.colon(), escapeMarkdown(f.Value))
		}
		for _, k := range p.Blocks {
			fmt.Fprintf(&b, "\n%s\n\n```text\n%s\n```\n", escapeMarkdown(k.Title), strings.ReplaceAll(k.Text, "```", "'''"))
		}
	}
	if t.Redacted {
		fmt.Fprintf(&b, "\n%s\n", escapeMarkdown(t.Lang.Say("ticket.redacted")))
	}
	return b.String()
}

// escapeMarkdown makes text mean nothing but itself: ASCII punctuation that
// has a meaning anywhere in CommonMark or GitHub's form of it gets a backslash.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '|', '#', '&', '~', '@', '!', '$':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
