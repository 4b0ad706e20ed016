package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// recorded is a request as it arrived.
type recorded struct {
	method, path, query, body, contentType, authorization string
}

// recorder is a server that keeps what it is asked, and has nothing to tell.
type recorder struct {
	url      string
	mutex    sync.Mutex
	requests []recorded
}

func startRecorder() (*recorder, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &recorder{url: "http://" + listener.Addr().String()}
	go func() { _ = http.Serve(listener, r) }()
	return r, nil
}

func (r *recorder) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	path, query, _ := strings.Cut(request.RequestURI, "?")
	r.mutex.Lock()
	r.requests = append(r.requests, recorded{
		method:        request.Method,
		path:          path,
		query:         query,
		body:          string(body),
		contentType:   strings.Join(request.Header.Values("Content-Type"), ", "),
		authorization: strings.Join(request.Header.Values("Authorization"), ", "),
	})
	r.mutex.Unlock()
	if request.Method == http.MethodDelete {
		writer.WriteHeader(http.StatusNoContent)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(writer, "{}")
}

// take gives the requests that have arrived since it was last called.
func (r *recorder) take() []recorded {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	requests := r.requests
	r.requests = nil
	return requests
}
