package api_test

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// seenAnswers notes which answers the tests of this package got.
type seenAnswers struct {
	mu sync.Mutex
	// tests are the names of the tests that got an answer.
	tests map[*operation]map[int]map[string]bool
	// shapes are the forms of JSON answers.
	shapes map[*operation]map[string]bool
}

// theAnswers belongs to the whole run, as what is found out at its end does.
var theAnswers = &seenAnswers{tests: map[*operation]map[int]map[string]bool{}, shapes: map[*operation]map[string]bool{}}

func (s *seenAnswers) add(test string, o *operation, status int, shape string) {
	// Of the cases in files the file is what somebody reads.
	name, part, _ := strings.Cut(test, "/")
	test = name
	if name == "TestAnswers" {
		test += "/" + part
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tests[o] == nil {
		s.tests[o] = map[int]map[string]bool{}
	}
	if s.tests[o][status] == nil {
		s.tests[o][status] = map[string]bool{}
	}
	s.tests[o][status][test] = true
	if s.shapes[o] == nil {
		s.shapes[o] = map[string]bool{}
	}
	s.shapes[o][shape] = true
}

// shapeOf tells JSON answers of one route apart: by status, and by the names of
// the members of an object.
func shapeOf(status int, value any) string {
	shape := strconv.Itoa(status)
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Sprintf("%s %T", shape, value)
	}
	if _, ok := object["item_hash"]; ok {
		shape += fmt.Sprint(" ", object["status"])
	}
	return shape + " " + strings.Join(slices.Sorted(maps.Keys(object)), " ")
}

// bodyShape is [shapeOf] for a body that may be JSON.
func bodyShape(status int, body string) string {
	if value, err := jsonschema.UnmarshalJSON(strings.NewReader(body)); err == nil {
		return shapeOf(status, value)
	}
	return ""
}

// indiscriminate are tests that ask for everything and so say nothing about one route.
var indiscriminate = []string{"TestEveryRouteAnswers", "TestParameters", "FuzzParameters", "TestBodies"}

// successes returns the tests in which an operation answered well.
func (s *seenAnswers) successes(o *operation) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for status, tests := range s.tests[o] {
		for name := range tests {
			if status < 400 && !slices.Contains(indiscriminate, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// wholeRun reports whether all tests of the package ran.
func wholeRun() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f == nil || f.Value.String() != "" {
			return false
		}
	}
	return true
}

// rarely are answers that no request alone brings about: they need a broken
// part, a caller that stops in the middle or one that asks too often, and tests of
// their own.
var rarely = []int{408, 412, 429, 500, 503}

// answersWereSeen demands, after a whole run, that every other answer
// that the document promises was given to some test, and that an answer to a GET
// like each example was.
func answersWereSeen() error {
	if !wholeRun() {
		return nil
	}
	c, err := theContract()
	if err != nil {
		return err
	}
	var missing []string
	for _, o := range c.operations {
		for _, e := range o.examples {
			if shape := shapeOf(e.status, e.value); o.method == http.MethodGet && e.json && !slices.Contains(rarely, e.status) && !theAnswers.shapes[o][shape] {
				missing = append(missing, fmt.Sprintf("GET %s: no test gets an answer like the example %s: %s", o.path, e.where, shape))
			}
		}
		if len(theAnswers.successes(o)) == 0 {
			missing = append(missing, fmt.Sprintf("%s %s succeeds in no test", o.method, o.path))
		}
		for status := range o.answers {
			if !slices.Contains(rarely, status) && theAnswers.tests[o][status] == nil {
				missing = append(missing, fmt.Sprintf("%s %s: no test gets %d", o.method, o.path, status))
			}
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("docs/openapi.yaml promises what was not seen:\n%s", strings.Join(missing, "\n"))
	}
	return nil
}
