package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
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
	// Unsent are the methods for which the client sends nothing at all, wherever its server is.
	Unsent []string `json:"unsent"`
}

func transparent(gatewayKey string, input io.Reader, output *os.File) error {
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
	direct, err := newObserver(upstream.url, key, upstream)
	if err != nil {
		return err
	}
	through, err := newObserver(strings.TrimSpace(gateway), gatewayKey, upstream)
	if err != nil {
		return err
	}
	report := transparencyReport{Calls: len(direct.methods), Differences: []difference{}, Unsent: []string{}}
	for i, m := range direct.methods {
		// One set of arguments for both calls: the client writes a pointer into the query of one method.
		args := argumentsOf(m)
		sent, arrived := direct.observe(m, args), through.observe(through.methods[i], args)
		parts := compare(sent, arrived)
		switch {
		case len(sent.arrivals) == 0 && sent.failure == "":
			report.Unsent = append(report.Unsent, m.name)
		case len(parts) > 0:
			report.Differences = append(report.Differences, difference{m.name, parts})
		default:
			report.Equal++
		}
	}
	return printLine(output, report)
}

// observation is what a call led to.
type observation struct {
	arrivals []recorded
	// status is that of the answer, and failure what the client made of it.
	status  int
	failure string
}

// observer makes calls against one base URL, and notes what arrives upstream.
type observer struct {
	methods  []method
	wire     *tap
	upstream *recorder
}

func newObserver(base, key string, upstream *recorder) (*observer, error) {
	wire := &tap{next: http.DefaultTransport}
	client, err := newClient(base, key, wire)
	if err != nil {
		return nil, err
	}
	return &observer{methodsOf(client), wire, upstream}, nil
}

func (o *observer) observe(m method, args []reflect.Value) observation {
	o.wire.last = answer{}
	seen := observation{}
	if _, err := m.call(args); err != nil {
		seen.failure = err.Error()
	}
	seen.status = o.wire.last.status
	seen.arrivals = o.upstream.take()
	return seen
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
