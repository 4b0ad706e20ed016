package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// valueAt is the text or number at a path such as "ipv4s.0.ip" in a JSON document.
func valueAt(document []byte, path string) (string, bool) {
	var node any
	if err := json.Unmarshal(document, &node); err != nil {
		return "", false
	}
	for _, name := range strings.Split(path, ".") {
		switch parent := node.(type) {
		case map[string]any:
			node = parent[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(parent) {
				return "", false
			}
			node = parent[i]
		}
	}
	switch value := node.(type) {
	case string:
		return value, true
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64), true
	default:
		return "", false
	}
}

// withoutMember removes a member from a JSON document, from every element of the arrays on the way to it. The path is as
// the JSON decoder gives it: positions in arrays are left out, and a name may itself contain dots.
func withoutMember(document []byte, path string) (changed []byte, removed bool) {
	var node any
	if err := json.Unmarshal(document, &node); err != nil {
		return document, false
	}
	if !removeMember(node, strings.Split(path, ".")) {
		return document, false
	}
	changed, err := json.Marshal(node)
	if err != nil {
		panic(fmt.Sprintf("what was decoded cannot be encoded: %v", err))
	}
	return changed, true
}

func removeMember(node any, path []string) bool {
	removed := false
	switch parent := node.(type) {
	case []any:
		for _, element := range parent {
			removed = removeMember(element, path) || removed
		}
	case map[string]any:
		for length := 1; length <= len(path); length++ {
			name := strings.Join(path[:length], ".")
			child, isThere := parent[name]
			if !isThere {
				continue
			}
			if length == len(path) {
				delete(parent, name)
				return true
			}
			removed = removeMember(child, path[length:]) || removed
		}
	}
	return removed
}
