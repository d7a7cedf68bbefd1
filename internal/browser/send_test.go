package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// send sends a command of the protocol to a tab.
func send[P, R any](b *tab, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	r, err := chromedp.Call(ctx, cmd, params)
	if err != nil {
		b.t.Fatalf("%s: %v", cmd.Method, err)
	}
	return r
}

// script runs a script of our own in the page, past its policy.
func script(src string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](src + "\n;undefined")
}
