/** A row of docs/proof.md. */
export interface Suite {
  /** The name of the row: what a test gives to recordCases, or a name for all tests of the file that give nothing. */
  readonly name: string;
  /** The test file, in test/foreign. */
  readonly file: string;
  /** Whether its tests count cases of their own. */
  readonly isCounted?: boolean;
  /** Which tests of the file are its own, by their names; not given: all of them. */
  readonly tests?: RegExp;
  readonly shows: string;
}

/** Every suite, in the order of the table. */
export const SUITES: readonly Suite[] = [
  {
    name: 'connectrpc conformance: Connect and gRPC-Web',
    file: 'conformance.test.ts',
    isCounted: true,
    shows:
      'both protocols over HTTP/1.1 and HTTP/2, binary and JSON, gzip and Brotli, as the Go clients of others read them',
  },
  {
    name: 'connectrpc conformance: gRPC',
    file: 'conformance.test.ts',
    isCounted: true,
    shows: 'the gRPC side, as connect-go and grpc-go read it',
  },
  {
    name: 'protobuf conformance',
    file: 'protobuf.test.ts',
    isCounted: true,
    shows: 'the decoder of protobuf bytes and the JSON codec, by the suite of protobuf itself',
  },
  {
    name: 'buf curl, grpcurl, grpc_health_probe, ghz',
    file: 'tools.test.ts',
    shows: 'tools that people call by hand',
  },
  {
    name: 'govultr',
    file: 'govultr.test.ts',
    shows: "every method of Vultr's Go client, through the gateway and against the sandbox",
  },
  {
    name: "govultr's own tests",
    file: 'govultr-own.test.ts',
    isCounted: true,
    shows: "the tests of Vultr's Go client, with the gateway between it and their canned responses",
  },
  {
    name: 'vultr-python-client, apache-libcloud, dns-lexicon, vultr-node',
    file: 'drop-in.test.ts',
    shows: 'clients in Python and JavaScript, of which only the base URL is changed: instances, DNS, volumes',
  },
  {
    name: 'virtual keys in clients',
    file: 'virtual-key.test.ts',
    shows: 'official clients with a virtual key for a Vultr key',
  },
  {
    name: 'generated clients',
    file: 'clients.test.ts',
    tests: /^(?!Rust|Java:|C#)/,
    shows:
      'the programs of clients.md in Go, Python and TypeScript (ts-proto, nice-grpc, connect-es): deadline, retries, TLS, virtual key',
  },
  {
    name: 'generated clients that take long to build',
    file: 'clients.test.ts',
    tests: /^(?:Rust|Java:)/,
    shows: 'the same in Rust and Java, with `FOREIGN_CLIENTS=all`',
  },
  {
    name: 'retry policies',
    file: 'grpc-retry.test.ts',
    shows: 'grpc-go, grpcio and grpc-js repeat what may be repeated',
  },
  {
    name: 'OpenAPI tools',
    file: 'openapi.test.ts',
    shows: 'validators, generated clients and Schemathesis on /openapi.json',
  },
  {
    name: 'OpenTelemetry collector',
    file: 'collector.test.ts',
    shows: 'what the service sends by OTLP, as the collector reads it',
  },
  {
    name: 'Prometheus',
    file: 'prometheus.test.ts',
    shows: 'the metrics and the rules of alerts, as Prometheus reads them',
  },
  {
    name: 'rolling restart',
    file: 'rolling-restart.test.ts',
    shows: 'clients of others while replicas are replaced',
  },
];
