// Package chart draws the pictures of the pages that show time: pure
// functions from data to SVG. They hold presentation attributes only, since
// a strict Content-Security-Policy blocks style attributes; a style sheet
// may turn their colours for a dark page (each stands for one meaning, see
// Palette). Loss is never averaged away: where many measurements share a
// pixel the worst of them is what is drawn. What nobody measured is left
// blank, and what was measured in vain is grey: neither is a zero.
package chart
