package main

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/vultr/govultr/v3"
)

// key is the API key that every call carries, unless the gateway wants another one.
const key = "KEY-OF-THE-OFFICIAL-CLIENT-0123456789"

// method is a method of one of the client's services.
type method struct {
	// name is the service and the method, for example Instance.Create.
	name string
	fn   reflect.Value
}

// parameters are the types of the parameters behind the context.
func (m method) parameters() []reflect.Type {
	var types []reflect.Type
	for i := 1; i < m.fn.Type().NumIn(); i++ {
		types = append(types, m.fn.Type().In(i))
	}
	return types
}

// call calls the method. A panic of the client, which some methods answer an empty body with, comes back as an error.
func (m method) call(args []reflect.Value) (results []reflect.Value, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the client panicked: %v", cause)
		}
	}()
	results = m.fn.Call(append([]reflect.Value{reflect.ValueOf(context.Background())}, args...))
	if failed, ok := results[len(results)-1].Interface().(error); ok {
		err = failed
	}
	return results[:len(results)-1], err
}

// methodsOf lists the methods of all services of a client. The services are the fields of the client that hold one of
// its interfaces, and only what those interfaces declare counts.
func methodsOf(client *govultr.Client) []method {
	var methods []method
	fields := reflect.ValueOf(client).Elem()
	for i := 0; i < fields.NumField(); i++ {
		field := fields.Type().Field(i)
		if !field.IsExported() || field.Type.Kind() != reflect.Interface {
			continue
		}
		for j := 0; j < field.Type.NumMethod(); j++ {
			name := field.Type.Method(j).Name
			methods = append(methods, method{field.Name + "." + name, fields.Field(i).MethodByName(name)})
		}
	}
	return methods
}

// newClient makes a client of a server that sends the key, tries everything once and follows no redirections, which
// could lead away from this machine.
func newClient(base, key string, transport http.RoundTripper) (*govultr.Client, error) {
	client := govultr.NewClient(&http.Client{
		Transport:     withKey{key, transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	})
	client.SetRetryLimit(0)
	return client, client.SetBaseURL(base)
}

// withKey adds the key to each request, as the oauth2 package does in the client's documentation.
type withKey struct {
	key  string
	next http.RoundTripper
}

func (t withKey) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+t.key)
	return t.next.RoundTrip(request)
}
