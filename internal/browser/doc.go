// Package browser holds the tests that look at the pages of `mtrq serve`
// through a real browser: the real program over a node's state with known
// content (internal/web/fixture), in a headless Chromium that chromedp drives
// through a pipe.
//
// Each page is opened at 360 and at 1280 pixels, light and dark, in English
// and in Chinese, with and without scripts. It must say nothing on the
// console, break no content security policy, ask no other host, move nothing
// once it is drawn, not scroll sideways, and have no fault that axe-core
// finds. A picture of each is left in bin/screenshots.
package browser
