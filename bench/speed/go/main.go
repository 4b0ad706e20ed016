// The service of the speed bench as one would write it in Go: grpc-go in front, net/http behind, every response of the
// upstream as a google.protobuf.Struct, and grpc-gateway for JSON.
//
// Its two methods are registered by hand, in the way the generators of grpc-go and grpc-gateway do it, so that the bench
// needs no further tools.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	instances = "vultr.v2.InstancesService"
	cloud     = "vultr.cloud.v1.CloudService"
)

// Connections to the upstream, as many as the service keeps.
const maxConnections = 64

type upstream struct {
	base   string
	client *http.Client
}

func (u *upstream) get(ctx context.Context, path string) (*structpb.Struct, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.base+path, nil)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	request.Header.Set("Accept", "application/json")
	if incoming, ok := metadata.FromIncomingContext(ctx); ok {
		for _, value := range incoming.Get("authorization") {
			request.Header.Set("Authorization", value)
		}
	}
	response, err := u.client.Do(request)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	if response.StatusCode != http.StatusOK {
		return nil, status.Error(codes.Internal, response.Status)
	}
	reply := &structpb.Struct{}
	if err := protojson.Unmarshal(body, reply); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return reply, nil
}

// unary describes a method that asks the upstream for a path.
func unary(service, name, path string) grpc.ServiceDesc {
	handler := func(server any, ctx context.Context, decode func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		request := &emptypb.Empty{}
		if err := decode(request); err != nil {
			return nil, err
		}
		return server.(*upstream).get(ctx, path)
	}
	return grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: name, Handler: handler}},
	}
}

// gateway serves a method as JSON, as the code that protoc-gen-grpc-gateway generates does.
func gateway(mux *runtime.ServeMux, connection *grpc.ClientConn, path, method string) error {
	return mux.HandlePath(http.MethodGet, path, func(w http.ResponseWriter, r *http.Request, _ map[string]string) {
		_, outbound := runtime.MarshalerForRequest(mux, r)
		ctx, err := runtime.AnnotateContext(r.Context(), mux, r, method)
		if err != nil {
			runtime.HTTPError(r.Context(), mux, outbound, w, r, err)
			return
		}
		reply := &structpb.Struct{}
		var header, trailer metadata.MD
		err = connection.Invoke(ctx, method, &emptypb.Empty{}, reply, grpc.Header(&header), grpc.Trailer(&trailer))
		ctx = runtime.NewServerMetadataContext(ctx, runtime.ServerMetadata{HeaderMD: header, TrailerMD: trailer})
		if err != nil {
			runtime.HTTPError(ctx, mux, outbound, w, r, err)
			return
		}
		runtime.ForwardResponseMessage(ctx, mux, outbound, w, r, reply)
	})
}

func run(base string) error {
	if _, err := url.Parse(base); err != nil {
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: maxConnections, MaxConnsPerHost: maxConnections, DisableCompression: true}
	server := grpc.NewServer()
	served := &upstream{base: base, client: &http.Client{Transport: transport}}
	for _, description := range []grpc.ServiceDesc{
		unary(instances, "ListInstances", "/v2/instances"),
		unary(cloud, "ListPlans", "/v2/plans?per_page=100"),
	} {
		server.RegisterService(&description, served)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	mux := runtime.NewServeMux()
	if err := gateway(mux, connection, "/api/instance-types", "/"+cloud+"/ListPlans"); err != nil {
		return err
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { log.Fatal(http.Serve(web, mux)) }()
	fmt.Printf("ready: gRPC %s, HTTP http://%s\n", listener.Addr(), web.Addr())
	return server.Serve(listener)
}

func main() {
	base := flag.String("upstream", "", "base URL of what is asked")
	flag.Parse()
	if err := run(*base); err != nil {
		log.Fatal(err)
	}
}
