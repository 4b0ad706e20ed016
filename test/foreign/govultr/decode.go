package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/vultr/govultr/v3"
)

// fault is a member of a successful answer that the client's types cannot hold.
type fault struct {
	Method string `json:"method"`
	// Member is the path of the member, without the positions in arrays; empty when the error names none.
	Member string `json:"member"`
	Error  string `json:"error"`
	// Body is the beginning of the answer.
	Body string `json:"body"`
}

// vacancy is a successful answer in which the client does not find what its method returns.
type vacancy struct {
	Method string `json:"method"`
	Type   string `json:"type"`
	Body   string `json:"body"`
}

// refusal is a call that did not succeed. A call that could not be made has the status 0.
type refusal struct {
	Method string `json:"method"`
	Status int    `json:"status"`
	Text   string `json:"text"`
}

// decodingReport is what the mode decode prints. It counts methods, not calls.
type decodingReport struct {
	Methods   int       `json:"methods"`
	Succeeded int       `json:"succeeded"`
	Decoded   int       `json:"decoded"`
	Faults    []fault   `json:"faults"`
	Vacant    []vacancy `json:"vacant"`
	Refused   []refusal `json:"refused"`
	// Empty are the methods that were answered with an empty list, which shows nothing about its elements.
	Empty []string `json:"empty"`
	// Lacking are the members of the client's types that no response had, as "Type.member", and the types of elements of
	// lists that were always empty.
	Lacking []string `json:"lacking"`
	// Spoilt are the methods whose documented answer the client itself cannot read: it takes any member "status" at the
	// top for the HTTP status of an error.
	Spoilt []string `json:"spoilt"`
	// Unsent are the methods for which the client sends nothing.
	Unsent []string `json:"unsent"`
	// Uncalled are the methods that the scenario lacks.
	Uncalled []string `json:"uncalled"`
}

// excerptLength is how much of an answer a report shows.
const excerptLength = 400

func decode(base string, output *os.File) error {
	steps, err := readScenario()
	if err != nil {
		return err
	}
	wire := &tap{next: http.DefaultTransport}
	client, err := newClient(base, key, wire)
	if err != nil {
		return err
	}
	run := &scenarioRun{
		wire:      wire,
		methods:   map[string]method{},
		values:    map[string]string{},
		succeeded: map[string]bool{},
		faulty:    map[string]bool{},
		members:   memberCounts{},
		report: decodingReport{
			Faults:   []fault{},
			Vacant:   []vacancy{},
			Refused:  []refusal{},
			Empty:    []string{},
			Spoilt:   []string{},
			Unsent:   []string{},
			Uncalled: []string{},
		},
	}
	methods := methodsOf(client)
	for _, m := range methods {
		run.methods[m.name] = m
	}
	called := map[string]bool{}
	for _, each := range steps {
		called[each.method] = true
		if err := run.do(each); err != nil {
			return err
		}
	}
	for _, m := range methods {
		if !called[m.name] {
			run.report.Uncalled = append(run.report.Uncalled, m.name)
		}
	}
	run.report.Methods = len(methods)
	run.report.Lacking = run.members.lacking()
	run.report.Succeeded = len(run.succeeded)
	run.report.Decoded = len(run.succeeded)
	for _, isFaulty := range run.faulty {
		if isFaulty {
			run.report.Decoded--
		}
	}
	return printLine(output, run.report)
}

// scenarioRun is the state of a scenario that is being played.
type scenarioRun struct {
	wire    *tap
	methods map[string]method
	// values are what earlier answers have held, by the name that the scenario gives them.
	values            map[string]string
	succeeded, faulty map[string]bool
	members           memberCounts
	report            decodingReport
}

// do makes one call. An error means that the scenario itself is wrong.
func (r *scenarioRun) do(s step) error {
	m, isKnown := r.methods[s.method]
	if !isKnown {
		return fmt.Errorf("scenario.txt, line %d: the client has no method %s", s.line, s.method)
	}
	args, missing, err := s.arguments(m, r.values)
	if err != nil {
		return fmt.Errorf("scenario.txt, line %d: %w", s.line, err)
	}
	if missing != "" {
		r.refuse(s, 0, "no earlier answer has given $"+missing)
		return nil
	}
	r.wire.last = answer{}
	results, failure := m.call(args)
	got := r.wire.last
	if got.status == 0 && failure == nil {
		r.report.Unsent = append(r.report.Unsent, m.name)
		return nil
	}
	if !got.isSuccess() {
		r.refuse(s, got.status, fmt.Sprintf("%v %s", failure, excerpt(got.body)))
		return nil
	}
	r.succeeded[m.name] = true
	for name, path := range s.keep {
		if value, ok := valueAt(got.body, path); ok {
			r.values[name] = value
		}
	}
	r.members.add(results, got.body)
	if failure != nil {
		faults := r.faultsOf(m, args, failure)
		r.faulty[m.name] = r.faulty[m.name] || len(faults) > 0
		r.report.Faults = append(r.report.Faults, faults...)
		return nil
	}
	if absent := absentResult(results); absent != "" {
		r.report.Vacant = append(r.report.Vacant, vacancy{m.name, absent, excerpt(got.body)})
	}
	for _, result := range results {
		if result.Kind() == reflect.Slice && !result.IsNil() && result.Len() == 0 {
			r.report.Empty = append(r.report.Empty, m.name)
		}
	}
	return nil
}

func (r *scenarioRun) refuse(s step, status int, text string) {
	r.report.Refused = append(r.report.Refused, refusal{s.method, status, text})
}

// faultsOf finds every member that the client cannot decode in the last answer. The JSON decoder names only the first,
// so the client gets the answer again without it, until it has no more to complain about.
func (r *scenarioRun) faultsOf(m method, args []reflect.Value, failure error) []fault {
	changed := r.wire.last
	body := excerpt(changed.body)
	r.wire.instead = &changed
	defer func() { r.wire.instead = nil }()
	var faults []fault
	for failure != nil {
		member := ""
		var mistyped *json.UnmarshalTypeError
		if strings.Contains(failure.Error(), "field apiError.status ") {
			member = "status"
			r.report.Spoilt = append(r.report.Spoilt, m.name)
		} else {
			if errors.As(failure, &mistyped) {
				member = mistyped.Field
			}
			faults = append(faults, fault{m.name, member, failure.Error(), body})
		}
		var removed bool
		changed.body, removed = withoutMember(changed.body, member)
		if !removed {
			break
		}
		_, failure = m.call(args)
	}
	return faults
}

// absentResult is the type of a result that the answer did not fill: a nil pointer, a structure without a single value,
// or a list that was not there at all. Empty when there is none.
func absentResult(results []reflect.Value) string {
	for _, result := range results {
		switch result.Interface().(type) {
		case *http.Response, *govultr.Meta:
			continue
		}
		isAbsent := result.IsZero() || result.Kind() == reflect.Pointer && result.Elem().IsZero()
		if isAbsent {
			return result.Type().String()
		}
	}
	return ""
}

func excerpt(body []byte) string {
	text := strings.TrimSpace(string(body))
	if len(text) > excerptLength {
		return strings.ToValidUTF8(text[:excerptLength], "") + "…"
	}
	return text
}
