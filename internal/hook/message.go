package hook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mtrq/mtrq/report"
)

// MessageSchema is the number of the format of a Message. Within one number
// fields are only added.
const MessageSchema = 1

// Bounds of what a message takes from an incident.
const (
	maxTargets  = 20
	maxName     = 253 // of a target: the longest name of the DNS
	maxSentence = 1 << 10
	maxLink     = 2 << 10
	maxText     = 32 << 10
)

// A Message is what a hook is told, in JSON the default body:
//
//	{"schema":1,"id":"01JDC…-incident-open-5f0e…","event":"incident-open","incident":"01JDC…","node":"hk1",
//	 "link":"https://mtrq.example.net/incident/01JDC…","class":"real-loss","grade":"likely","sentence":"…",
//	 "targets":["203.0.113.7"],"affected":1,"began":"2026-11-23T06:05:30Z","opened":"2026-11-23T06:05:33Z",
//	 "delayed_ms":12,"text":"…"}
type Message struct {
	Schema   int          `json:"schema"`
	ID       string       `json:"id"` // the same in every attempt
	Event    string       `json:"event"`
	Incident string       `json:"incident"`
	Node     string       `json:"node"`
	Link     string       `json:"link,omitempty"`
	Class    report.Class `json:"class,omitempty"` // absent: no verdict yet
	Grade    report.Grade `json:"grade,omitempty"`
	Sentence string       `json:"sentence,omitempty"`
	Targets  []string     `json:"targets"`  // the first 20
	Affected int          `json:"affected"` // how many there are

	Began     time.Time  `json:"began,omitzero"`
	Opened    time.Time  `json:"opened,omitzero"`
	Recovered *time.Time `json:"recovered,omitempty"`
	Closed    *time.Time `json:"closed,omitempty"`

	// DelayedMS is how long the message waited for this attempt.
	DelayedMS int64  `json:"delayed_ms"`
	Text      string `json:"text,omitempty"` // the incident as text of several lines; cut off after 32 KiB
}

// message is what all hooks are told of inc: ID and DelayedMS are missing.
func (s *Sender) message(on string, inc *report.Incident) Message {
	m := Message{
		Schema:   MessageSchema,
		Event:    on,
		Incident: inc.ID.String(),
		Node:     clip(report.Printable(s.Node), maxName),
		Class:    report.Class(clip(report.Printable(string(inc.Verdict.Class)), maxName)),
		Grade:    report.Grade(clip(report.Printable(string(inc.Verdict.Grade)), maxName)),
		Sentence: clip(report.Printable(clip(inc.Verdict.Sentence, 2*maxSentence)), maxSentence),
		Targets:  []string{},
		Affected: max(inc.Affected, len(inc.Members)),
		Began:    inc.Times.Began,
		Opened:   inc.Times.Opened,
	}
	for _, t := range inc.Members[:min(len(inc.Members), maxTargets)] {
		m.Targets = append(m.Targets, clip(report.Printable(clip(t.Target, 2*maxName)), maxName))
	}
	if s.Link != "" {
		m.Link = clip(strings.TrimRight(report.Printable(s.Link), "/"), maxLink) + "/incident/" + m.Incident
	}
	if t := inc.Times.Recovered; t != nil {
		at := *t
		m.Recovered = &at
	}
	if t := inc.Times.Closed; t != nil {
		at := *t
		m.Closed = &at
	}
	if s.Text != nil {
		m.Text = cleanText(s.Text(inc))
	}
	return m
}

// environment is what a command is told in words.
func (m *Message) environment() []string {
	var targets []string
	for _, t := range m.Targets {
		targets = append(targets, word(t))
	}
	return []string{
		"MTRQ_HOOK_ID=" + m.ID,
		"MTRQ_EVENT=" + m.Event,
		"MTRQ_INCIDENT=" + m.Incident,
		"MTRQ_NODE=" + m.Node,
		"MTRQ_VERDICT=" + m.Sentence,
		"MTRQ_LINK=" + m.Link,
		"MTRQ_TARGETS=" + strings.Join(targets, " "),
	}
}

// word makes a target fit to stand in a script without quotes: nothing in it
// means something to a shell, and it is no option.
func word(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == ':', r == '_', r == '-':
			return r
		}
		return '_'
	}, s)
	if s == "" || s[0] == '-' {
		return "_" + s
	}
	return s
}

// cleanText is text of several lines without what a terminal would obey.
func cleanText(s string) string {
	cut := len(s) > maxText
	lines := strings.Split(clip(s, maxText), "\n")
	for i, l := range lines {
		lines[i] = report.Printable(l)
	}
	s = strings.Join(lines, "\n")
	if cut {
		s += "\n…\n"
	}
	return s
}

// clip cuts s to n bytes and no rune in two.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// messageID is the name of a message: the same for every attempt, also after
// a restart.
func messageID(incident, on, key string) string { return incident + "-" + on + "-" + key }

// hookKeys names each hook by what it reaches, so that a message finds its
// hook again after a restart with the tables in another order. Of two that
// reach the same the second has a number.
func hookKeys(hooks []Hook) []string {
	keys, seen := make([]string, len(hooks)), map[string]int{}
	for i, h := range hooks {
		data, err := json.Marshal(struct {
			Command []string
			URL     string
		}{h.Command, h.URL})
		if err != nil {
			panic(fmt.Sprintf("hook: marshal strings: %v", err)) // cannot be
		}
		sum := sha256.Sum256(data)
		key := hex.EncodeToString(sum[:8])
		seen[key]++
		if n := seen[key]; n > 1 {
			key = fmt.Sprintf("%s.%d", key, n)
		}
		keys[i] = key
	}
	return keys
}
