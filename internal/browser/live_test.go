package browser

import (
	"testing"
	"time"
)

// TestIncidentOpens: an incident that opens while the start page is open
// appears there, and nothing that is being read moves.
func TestIncidentOpens(t *testing.T) {
	t.Parallel()
	b := open(t, how{})
	b.visit("/", 200)
	b.until("the incidents that are open are there", `document.querySelector('a[href="/incident/`+shared.node.Incidents["open"].ID.String()+`"]')`)
	value[bool](b, `window.still = true`) // gone after a reload
	id := shared.node.Open(time.Now()).ID.String()
	b.until("the new incident appears", `document.querySelector('a[href="/incident/`+id+`"]')`)
	if !value[bool](b, `window.still === true`) {
		t.Error("the page was loaded anew")
	}
	b.shot("start-news")
	b.quiet()
}

// TestIncidentGoesOn: the page of an open incident follows it, and the
// focus stays where it is.
func TestIncidentGoesOn(t *testing.T) {
	t.Parallel()
	b := open(t, how{})
	b.visit("/incident/"+shared.node.Incidents["open"].ID.String(), 200)
	value[bool](b, `window.still = true`)
	before := value[string](b, `document.querySelector("main").innerText`)
	value[bool](b, `(document.querySelector("main a[href]").focus(), true)`)
	focus := value[string](b, `document.activeElement.getAttribute("href")`)
	b.until("its text changes", `document.querySelector("main").innerText !== `+quoted(before))
	if got := value[string](b, `document.activeElement.getAttribute("href") || ""`); got != focus || !value[bool](b, `window.still === true`) {
		t.Errorf("the focus was on %q and is on %q", focus, got)
	}
	b.still()
	b.quiet()
}

// TestTraceGoesOn: the page of a running trace follows it.
func TestTraceGoesOn(t *testing.T) {
	t.Parallel()
	b := open(t, how{})
	b.visit("/r/"+shared.node.Running.String(), 200)
	value[bool](b, `window.still = true`)
	before := value[string](b, `document.querySelector("main").innerText`)
	b.until("its text changes", `document.querySelector("main").innerText !== `+quoted(before))
	if !value[bool](b, `window.still === true`) {
		t.Error("the page was loaded anew")
	}
	b.quiet()
}

// TestAsksAgain: without scripts a page that tells what goes on is loaded
// anew by itself.
func TestAsksAgain(t *testing.T) {
	t.Parallel()
	b := open(t, how{noJS: true})
	b.visit("/", 200)
	documents := func() (n int) {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, r := range b.requests {
			if r == shared.node.url+"/" {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(patience); documents() < 2; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("was not loaded anew within %s", patience)
		}
	}
	b.quiet()
}
