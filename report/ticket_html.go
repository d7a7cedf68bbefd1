package report

import (
	"fmt"
	"html/template"
	"strings"
	"sync"
)

// ticketPage is the ticket as one page that loads nothing and prints well.
const ticketPage = `<!doctype html>
<html lang="{{.Lang}}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}}</title>
<style>
body { font: 14px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #111; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; border-bottom: 1px solid #999 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .3rem 0 } dt { color: #444 } dd { margin: 0; overflow-wrap: anywhere }
pre { font: 12px/1.35 ui-monospace, monospace; background: #f4f4f4; padding: .5rem; overflow-x: auto; white-space: pre }
.verdict { padding: .5rem .8rem; border: 1px solid #999 }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr } dd { margin: 0 0 .3rem 1rem } }
@media print { @page { margin: 14mm } body { margin: 0; max-width: none; font-size: 10pt } pre { font-size: 7.5pt; white-space: pre-wrap } h2 { break-after: avoid } dl, p { break-inside: avoid } }
</style>
<h1>{{.Title}}</h1>
{{with .Chat}}<p>{{.}}</p>
{{end}}<p class="verdict">{{.Verdict}}{{with .SettleText}}<br>{{.}}{{end}}</p>
{{range .Points}}<h2>{{.Number}}. {{.Title}}</h2>
{{with .Facts}}<dl>
{{range .}}<dt>{{.Label}}</dt><dd>{{.Value}}</dd>
{{end}}</dl>
{{end}}{{range .Blocks}}<p>{{.Title}}</p>
<pre>{{.Text}}</pre>
{{end}}{{end}}{{with .RedactedText}}<p>{{.}}</p>
{{end}}</html>
`

var ticketTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("ticket").Parse(ticketPage)) })

// HTML is the ticket as one self-contained page: no scripts, nothing to load,
// fit to be printed into a PDF.
func (t *Ticket) HTML() (string, error) {
	data := struct {
		*Ticket
		SettleText, RedactedText string
	}{Ticket: t}
	if t.Settle != "" {
		data.SettleText = t.Lang.Say("explain.settle", t.Settle)
	}
	if t.Redacted {
		data.RedactedText = t.Lang.Say("ticket.redacted")
	}
	var b strings.Builder
	if err := ticketTemplate().Execute(&b, data); err != nil {
		return "", fmt.Errorf("write the ticket as HTML: %w", err)
	}
	return b.String(), nil
}
