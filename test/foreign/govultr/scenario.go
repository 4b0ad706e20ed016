package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
)

//go:embed scenario.txt
var scenario string

// step is a call of a scenario.
type step struct {
	line   int
	method string
	// args are the arguments as JSON, in which "$name" stands for a value of an earlier answer.
	args string
	// keep are the paths of the values of the answer that later calls need, by name.
	keep map[string]string
}

var (
	stepPattern  = regexp.MustCompile(`^([A-Za-z0-9]+\.[A-Za-z0-9]+)((?: .*?)??)((?: -> \$\w+=[\w.]+)*)$`)
	keepPattern  = regexp.MustCompile(` -> \$(\w+)=([\w.]+)`)
	valuePattern = regexp.MustCompile(`"([#]?)\$(\w+)"`)
)

// readScenario reads scenario.txt, which explains its format.
func readScenario() ([]step, error) {
	var steps []step
	for i, text := range strings.Split(scenario, "\n") {
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		match := stepPattern.FindStringSubmatch(text)
		if match == nil {
			return nil, fmt.Errorf("scenario.txt, line %d is no call: %s", i+1, text)
		}
		keep := map[string]string{}
		for _, each := range keepPattern.FindAllStringSubmatch(match[3], -1) {
			keep[each[1]] = each[2]
		}
		steps = append(steps, step{i + 1, match[1], match[2], keep})
	}
	return steps, nil
}

// arguments decodes the arguments of a step into the types of a method's parameters. Parameters for which the step has
// nothing get an empty value. If an earlier answer has not given a value that is needed, its name is returned instead.
func (s step) arguments(m method, values map[string]string) (args []reflect.Value, missing string, err error) {
	text := valuePattern.ReplaceAllStringFunc(s.args, func(placeholder string) string {
		parts := valuePattern.FindStringSubmatch(placeholder)
		value, isThere := values[parts[2]]
		if !isThere {
			missing = parts[2]
		}
		if parts[1] == "#" {
			return value
		}
		quoted, _ := json.Marshal(value)
		return string(quoted)
	})
	if missing != "" {
		return nil, missing, nil
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	for _, parameter := range m.parameters() {
		value := reflect.New(parameter)
		if parameter.Kind() == reflect.Pointer {
			value.Elem().Set(reflect.New(parameter.Elem()))
		}
		if err := decoder.Decode(value.Interface()); err != nil && !errors.Is(err, io.EOF) {
			return nil, "", fmt.Errorf("the arguments of %s: %w", m.name, err)
		}
		args = append(args, value.Elem())
	}
	if decoder.More() {
		return nil, "", fmt.Errorf("%s has fewer parameters", m.name)
	}
	return args, "", nil
}
