package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// difference is a method whose request does not arrive through the gateway as it was sent.
type difference struct {
	Method string `json:"method"`
	// Parts are what differs.
	Parts []part `json:"parts"`
}

// part is one thing about a request that differs.
type part struct {
	// What is "arrival", "method", "path", "query", "body", "content-type", "authorization" or "status".
	What string `json:"what"`
	// Sent is what arrives when the call is made directly; Arrived what arrives through the gateway.
	Sent    string `json:"sent"`
	Arrived string `json:"arrived"`
}

// transparencyReport is what the mode transparent prints at its end.
type transparencyReport struct {
	Calls       int          `json:"calls"`
	Equal       int          `json:"equal"`
	Differences []difference `json:"differences"`
}

func transparent(input io.Reader, output *os.File) error {
	upstream, err := startRecorder()
	if err != nil {
		return err
	}
	if err := printLine(output, map[string]string{"recorder": upstream.url}); err != nil {
		return err
	}
	gateway, err := bufio.NewReader(input).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the gateway's address was expected as a line of input: %w", err)
	}
	direct, err := observe(upstream.url, upstream)
	if err != nil {
		return err
	}
	through, err := observe(strings.TrimSpace(gateway), upstream)
	if err != nil {
		return err
	}
	report := transparencyReport{Calls: len(direct), Differences: []difference{}}
	for i, sent := range direct {
		if parts := compare(sent, through[i]); len(parts) > 0 {
			report.Differences = append(report.Differences, difference{sent.method, parts})
		} else {
			report.Equal++
		}
	}
	return printLine(output, report)
}

// observation is what a call led to.
type observation struct {
	method   string
	arrivals []recorded
	// status is that of the answer, and failure what the client made of it.
	status  int
	failure string
}

// observe makes every call against a base URL, and notes what arrives upstream.
func observe(base string, upstream *recorder) ([]observation, error) {
	wire := &tap{next: http.DefaultTransport}
	client, err := newClient(base, wire)
	if err != nil {
		return nil, err
	}
	var observations []observation
	for _, m := range methodsOf(client) {
		wire.last = answer{}
		seen := observation{method: m.name}
		if _, err := m.call(argumentsOf(m)); err != nil {
			seen.failure = err.Error()
		}
		seen.status = wire.last.status
		seen.arrivals = upstream.take()
		observations = append(observations, seen)
	}
	return observations, nil
}

func compare(sent, through observation) []part {
	if len(sent.arrivals) != 1 || len(through.arrivals) != 1 {
		arrival := func(o observation) string {
			return strings.TrimSpace(fmt.Sprintf("%d requests; %s", len(o.arrivals), o.failure))
		}
		return []part{{"arrival", arrival(sent), arrival(through)}}
	}
	a, b := sent.arrivals[0], through.arrivals[0]
	var parts []part
	for _, each := range []part{
		{"method", a.method, b.method},
		{"path", a.path, b.path},
		{"query", a.query, b.query},
		{"body", a.body, b.body},
		{"content-type", a.contentType, b.contentType},
		{"authorization", a.authorization, b.authorization},
		{"status", fmt.Sprint(sent.status), fmt.Sprint(through.status)},
	} {
		if each.Sent != each.Arrived {
			parts = append(parts, each)
		}
	}
	return parts
}
