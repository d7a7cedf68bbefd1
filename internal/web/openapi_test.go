package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is what the tests read of openapi.json.
type description struct {
	Paths map[string]map[string]operation
}

type operation struct {
	ID         string `json:"operationId"`
	Summary    string
	Parameters []struct {
		Name, In string
		Required bool
		Example  any
	}
	RequestBody struct {
		Content map[string]struct {
			Example  any
			Examples map[string]struct{ Value any }
		}
	}
	Responses map[string]any
}

func described(t *testing.T) description {
	t.Helper()
	var d description
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestOpenAPIRoutes holds the description to the mux, both ways.
func TestOpenAPIRoutes(t *testing.T) {
	s := newSite(newNode(t).Server)
	s.handler()
	routed := map[string]bool{}
	for _, r := range s.routes {
		if r.pattern == "/" {
			continue // what is found nowhere
		}
		for _, m := range r.methods {
			if m != "HEAD" { // possible wherever GET only reads, as the description says
				routed[strings.ToLower(m)+" "+strings.TrimSuffix(r.pattern, "{$}")] = true
			}
		}
	}
	ids := map[string]bool{}
	documented := map[string]bool{}
	for path, ops := range described(t).Paths {
		for method, op := range ops {
			documented[method+" "+path] = true
			if op.ID == "" || ids[op.ID] || op.Summary == "" {
				t.Errorf("%s %s: operationId %q is empty or stands twice, or there is no summary", method, path, op.ID)
			}
			ids[op.ID] = true
			for _, p := range op.Parameters {
				if inPath := strings.Contains(path, "{"+p.Name+"}"); inPath != (p.In == "path") {
					t.Errorf("%s %s: parameter %s is said to be in the %s", method, path, p.Name, p.In)
				}
			}
		}
	}
	for r := range routed {
		if !documented[r] {
			t.Errorf("openapi.json lacks %s", r)
		}
	}
	for d := range documented {
		if !routed[d] {
			t.Errorf("openapi.json has %s, which is not routed", d)
		}
	}
}

// TestOpenAPIExamples sends every operation with the examples that the
// description gives: the answer must be one that it names, in the shape
// that it says.
func TestOpenAPIExamples(t *testing.T) {
	n := newNode(t)
	n.tracing()
	id := ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ")
	n.archived(sample(id, ulid.Time(id.Time())))
	n.watching()
	var doc any
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	for path, ops := range described(t).Paths {
		if path == "/events" || path == "/incident/{id}" {
			continue // does not end; needs an incident, which other tests have
		}
		for method, op := range ops {
			where, query := path, url.Values{}
			for _, p := range op.Parameters {
				switch {
				case p.In == "path":
					where = strings.ReplaceAll(where, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(p.Example)))
				case p.Example != nil:
					if list, ok := p.Example.([]any); ok {
						for _, v := range list {
							query.Add(p.Name, fmt.Sprint(v))
						}
					} else {
						query.Set(p.Name, fmt.Sprint(p.Example))
					}
				}
			}
			for _, b := range bodies(op) {
				q := query
				switch {
				case b.media == appJSON:
					q = nil // takes none
				case b.media != "":
					q = url.Values{"max_ttl": {"12"}}
				}
				for _, accept := range []string{"application/json", "*/*"} {
					header := []string{"Accept: " + accept}
					if b.media != "" {
						header = append(header, "Content-Type: "+b.media)
					}
					a := n.do(strings.ToUpper(method), where+"?"+q.Encode(), b.text, header...)
					checkAnswer(t, c, a, fmt.Sprintf("%s %s (%s, %s)", method, path, b.media, accept), path, method, op)
				}
			}
		}
	}
}

type exampleBody struct{ media, text string }

func bodies(op operation) []exampleBody {
	var out []exampleBody
	add := func(media string, v any) {
		if s, ok := v.(string); ok && media != appJSON {
			out = append(out, exampleBody{media, s})
			return
		}
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		out = append(out, exampleBody{media, string(b)})
	}
	for media, m := range op.RequestBody.Content {
		if m.Example != nil {
			add(media, m.Example)
		}
		for _, e := range m.Examples {
			add(media, e.Value)
		}
	}
	if len(out) == 0 {
		out = append(out, exampleBody{})
	}
	return out
}

func checkAnswer(t *testing.T, c *jsonschema.Compiler, a answer, what, path, method string, op operation) {
	t.Helper()
	code := fmt.Sprint(a.StatusCode)
	if _, ok := op.Responses[code]; !ok {
		t.Errorf("%s: answered %s, which the examples should not cause:\n%.500s", what, a.Status, a.body)
		return
	}
	if a.Header.Get("Content-Type") != appJSON || !slices.Contains([]string{"enqueue", "traceNow", "traceNowPost", "jobState", "days", "incidents", "targets", "report"}, op.ID) {
		return
	}
	at := fmt.Sprintf("openapi.json#/paths/%s/%s/responses/%s/content/application~1json/schema", strings.ReplaceAll(strings.ReplaceAll(path, "~", "~0"), "/", "~1"), method, code)
	schema, err := c.Compile(strings.NewReplacer("{", "%7B", "}", "%7D").Replace(at))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(a.body)))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("%s: %v\n%.500s", what, err, a.body)
	}
}

// TestOpenAPIJob: the options of a job are those of the description.
func TestOpenAPIJob(t *testing.T) {
	var d struct {
		Components struct {
			Schemas struct {
				Job struct{ Properties map[string]any }
			}
		}
	}
	if err := json.Unmarshal(openAPI, &d); err != nil {
		t.Fatal(err)
	}
	want := append([]string{"target", "tags"}, strings.Fields(strings.NewReplacer("tag", "", "wait", "").Replace(optionParams))...)
	for _, k := range want {
		if _, ok := d.Components.Schemas.Job.Properties[k]; !ok {
			t.Errorf("Job lacks %s", k)
		}
	}
	if got := len(d.Components.Schemas.Job.Properties); got != len(want) {
		t.Errorf("Job has %d options, want %d", got, len(want))
	}
}
