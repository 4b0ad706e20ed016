package main

import (
	"encoding/json"
	"net/http"
	"reflect"
	"sort"
	"strings"

	"github.com/vultr/govultr/v3"
)

// memberCount says how often the sandbox could have sent a member of one of the client's types, and how often it did.
type memberCount struct{ possible, present int }

// memberCounts are the counts of all members, as "Type.member", and of the types of the elements of lists, as "Type".
type memberCounts map[string]*memberCount

// lacking lists the members that no response had, and the types whose lists were always empty.
func (c memberCounts) lacking() []string {
	names := []string{}
	for name, count := range c {
		if count.possible > 0 && count.present == 0 {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// add counts the members of a response for what the client's method returns.
func (c memberCounts) add(results []reflect.Value, body []byte) {
	var response any
	if json.Unmarshal(body, &response) != nil {
		return
	}
	for _, result := range results {
		switch result.Interface().(type) {
		case *http.Response, *govultr.Meta:
			continue
		}
		// The client's types for the envelopes are private, so the value is looked for below each key of the response.
		candidates := []any{response}
		if object, isObject := response.(map[string]any); isObject {
			for _, value := range object {
				candidates = append(candidates, value)
			}
		}
		var best any
		bestMatches := 0
		for _, candidate := range candidates {
			if matches := matchesOf(result.Type(), candidate); matches > bestMatches {
				best, bestMatches = candidate, matches
			}
		}
		c.count(result.Type(), best)
	}
}

// matchesOf counts the members of the type that the value has.
func matchesOf(of reflect.Type, value any) int {
	of, value = elementOf(of, value)
	object, isObject := value.(map[string]any)
	if of.Kind() != reflect.Struct || !isObject {
		return 0
	}
	matches := 0
	for _, field := range reflect.VisibleFields(of) {
		if _, isPresent := memberOf(object, jsonName(field)); isPresent {
			matches++
		}
	}
	return matches
}

func (c memberCounts) count(of reflect.Type, value any) {
	if list, isList := value.([]any); isList && of.Kind() == reflect.Slice {
		if len(list) == 0 && of.Elem().Kind() == reflect.Struct {
			c.of(of.Elem().Name()).possible++
		}
		for _, element := range list {
			c.count(of.Elem(), element)
		}
		return
	}
	of, value = elementOf(of, value)
	object, isObject := value.(map[string]any)
	if of.Kind() != reflect.Struct || !isObject {
		return
	}
	c.of(of.Name()).present++
	for _, field := range reflect.VisibleFields(of) {
		name := jsonName(field)
		if name == "" || field.Anonymous {
			continue
		}
		count := c.of(of.Name() + "." + name)
		count.possible++
		if member, isPresent := memberOf(object, name); isPresent {
			count.present++
			c.count(field.Type, member)
		}
	}
}

// of is the count of that name.
func (c memberCounts) of(name string) *memberCount {
	count := c[name]
	if count == nil {
		count = &memberCount{}
		c[name] = count
	}
	return count
}

// elementOf takes away pointers, and the list around the first element.
func elementOf(of reflect.Type, value any) (reflect.Type, any) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	list, isList := value.([]any)
	if of.Kind() != reflect.Slice || !isList || len(list) == 0 {
		return of, value
	}
	return elementOf(of.Elem(), list[0])
}

// jsonName is the name of the field's member; empty when it has none.
func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// memberOf finds a member as encoding/json does, which prefers the exact name and takes any case of letters.
func memberOf(object map[string]any, name string) (any, bool) {
	if member, isPresent := object[name]; isPresent {
		return member, true
	}
	for key, member := range object {
		if strings.EqualFold(key, name) {
			return member, true
		}
	}
	return nil, false
}
