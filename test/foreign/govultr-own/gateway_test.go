// Package govultr: this file is put beside the client's own tests, whose setup then calls throughGateway.
package govultr

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
)

var gateway *url.URL

// TestMain stands in for Vultr with one server, since the gateway has one upstream. It says where that server is, is told where
// the gateway is, and gives each request to the handlers of the test that runs. A run that only lists the tests needs no gateway.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run())
	}
	vultr := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r)
	}))
	fmt.Println(vultr.URL)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		panic(err)
	}
	if gateway, err = url.Parse(strings.TrimSpace(line)); err != nil {
		panic(err)
	}
	code := m.Run()
	vultr.Close()
	os.Exit(code)
}

// throughGateway is what a test's server URL is replaced by.
func throughGateway() *url.URL {
	address := *gateway
	return &address
}
