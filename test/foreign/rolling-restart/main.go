// Command rolling-restart calls one rpc again and again with several workers until its standard input ends.
//
//	rolling-restart -addresses host:port,host:port -method /package.Service/Rpc -request BASE64 -workers 8
//
// With several addresses, it spreads the calls over them itself. It has no retry policy. It prints one line of JSON: how many
// calls succeeded, and what the others said.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// bytesCodec passes messages on as bytes.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }

func (bytesCodec) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func (bytesCodec) Name() string { return "proto" }

// outcome is what the program prints.
type outcome struct {
	Calls    int      `json:"calls"`
	Failures []string `json:"failures"`
}

func main() {
	addresses := flag.String("addresses", "", "host:port of each replica, separated by commas")
	method := flag.String("method", "", "/package.Service/Rpc")
	request := flag.String("request", "", "the request message in base64")
	workers := flag.Int("workers", 8, "calls at a time")
	flag.Parse()

	message, err := base64.StdEncoding.DecodeString(*request)
	if err != nil {
		log.Fatal(err)
	}
	replicas := manual.NewBuilderWithScheme("replicas")
	var state resolver.State
	for _, address := range strings.Split(*addresses, ",") {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	replicas.InitialState(state)
	conn, err := grpc.NewClient("replicas:///service",
		grpc.WithResolvers(replicas),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	var mutex sync.Mutex
	var group sync.WaitGroup
	result := outcome{Failures: []string{}}
	for range *workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := call(conn, *method, message)
				mutex.Lock()
				if err == nil {
					result.Calls++
				} else {
					result.Failures = append(result.Failures, err.Error())
				}
				mutex.Unlock()
			}
		}()
	}
	group.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func call(conn *grpc.ClientConn, method string, message []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var response []byte
	return conn.Invoke(ctx, method, &message, &response)
}
