// Command grpc-retry calls one rpc with the service config that it is given, and says how it ended.
//
//	grpc-retry -address host:port -config service-config.json -method /package.Service/Rpc -key API-KEY
//
// It prints one line of JSON: the code, the message, and the trailers of the last attempt. The request message comes in
// base64 with -request, so that no generated code is needed.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
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
	Code     string              `json:"code"`
	Message  string              `json:"message"`
	Headers  map[string][]string `json:"headers"`
	Trailers map[string][]string `json:"trailers"`
	Millis   int64               `json:"ms"`
}

func main() {
	address := flag.String("address", "", "host:port of the service")
	config := flag.String("config", "", "file that holds the service config")
	method := flag.String("method", "", "/package.Service/Rpc")
	key := flag.String("key", "", "the API key")
	request := flag.String("request", "", "the request message in base64")
	timeout := flag.Duration("timeout", 20*time.Second, "how long the call may take")
	flag.Parse()

	message, err := base64.StdEncoding.DecodeString(*request)
	if err != nil {
		log.Fatal(err)
	}
	serviceConfig, err := os.ReadFile(*config)
	if err != nil {
		log.Fatal(err)
	}
	conn, err := grpc.NewClient(*address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(string(serviceConfig)),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(bytesCodec{})))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	ctx, cancel := context.WithTimeout(context.Background(), *timeout)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+*key)
	var headers, trailers metadata.MD
	var response []byte
	begun := time.Now()
	err = conn.Invoke(ctx, *method, &message, &response, grpc.Header(&headers), grpc.Trailer(&trailers))
	ended := status.Convert(err)
	if err := json.NewEncoder(os.Stdout).Encode(outcome{
		Code:     ended.Code().String(),
		Message:  ended.Message(),
		Headers:  headers,
		Trailers: trailers,
		Millis:   time.Since(begun).Milliseconds(),
	}); err != nil {
		log.Fatal(err)
	}
}
