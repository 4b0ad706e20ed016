import { readFileSync } from 'node:fs';
import type { FileRegistry } from '@bufbuild/protobuf';
import type { FieldValue } from '../../src/transcoding/message.ts';
import { compileRegistry } from './compile-routes.ts';

const PROTO = `
syntax = "proto3";
package t;
import "google/api/annotations.proto";
import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

enum Color { COLOR_NONE = 0; RED = 1; BLUE = -2; }

message Inner { string leaf = 1; Inner inner = 2; repeated int32 ns = 3; }

message All {
  string s = 1; int32 i = 2; int64 l = 3; uint32 u = 4; uint64 ul = 5; double d = 6; float f = 7; bool b = 8;
  bytes by = 9; Color e = 10;
  repeated string rs = 11; repeated int64 rl = 12; repeated Color re = 13; repeated bool rb = 14;
  Inner inner = 15; repeated Inner inners = 16; map<string, string> m = 17; map<int32, Inner> mi = 18; map<bool, int64> mb = 19;
  google.protobuf.Struct st = 20; google.protobuf.Value v = 21; google.protobuf.ListValue lv = 22;
  repeated google.protobuf.Value rv = 23;
  google.protobuf.StringValue sv = 24; google.protobuf.Int64Value lw = 25; google.protobuf.BoolValue bw = 26;
  repeated google.protobuf.StringValue rsv = 27;
  google.protobuf.Timestamp t = 28; google.protobuf.Duration du = 29; google.protobuf.FieldMask fm = 30;
  google.protobuf.Any any = 31; google.protobuf.NullValue nul = 32;
  oneof one { string oa = 33; int32 ob = 34; }
  optional string snake_name = 35; optional string odd = 36 [json_name = "Odd.Name"];
}

// In the manner of vultr.v2: what is not modelled has a place.
message Open {
  string id = 1; optional string label = 2; OpenInner nested = 3; repeated OpenInner list = 4;
  optional string effect = 5 [json_name = "Effect"]; optional int64 disk_size = 6;
  google.protobuf.Struct additional_fields = 1000;
}
message OpenInner { optional int64 size = 1; google.protobuf.Struct additional_fields = 1000; }

message Path { string id = 1; Inner inner = 2; int64 n = 3; Color color = 4; string name = 5; repeated Inner inners = 6; All all = 7; oneof one { string x = 8; string y = 9; } }

service S {
  rpc Query(All) returns (All) { option (google.api.http) = { get: "/query" }; }
  rpc Body(All) returns (All) { option (google.api.http) = { post: "/body" body: "*" }; }
  rpc OpenBody(Open) returns (All) { option (google.api.http) = { put: "/open/{id}" body: "*" additional_bindings { delete: "/open" body: "*" } }; }
  rpc ListBody(Open) returns (All) { option (google.api.http) = { post: "/open/{id}/list" body: "list" }; }
  rpc PathOnly(Path) returns (All) { option (google.api.http) = { get: "/path/{id}" }; }
  rpc PathBody(Path) returns (All) { option (google.api.http) = { post: "/path/{id}/{inner.leaf}/{n}/{color}" body: "*" }; }
  rpc FieldBody(Path) returns (All) { option (google.api.http) = { post: "/field/{id}" body: "inner" }; }
  rpc Files(Path) returns (All) { option (google.api.http) = { get: "/files/{name=a/*/b/**}" additional_bindings { get: "/files/{name=c/**}:meta" } }; }
  rpc OneOf(Path) returns (All) { option (google.api.http) = { put: "/oneof/{x}" body: "*" }; }
}
`;

/** The descriptors of a proto with every type of field and every kind of body. */
export function compileAllTypes(): Promise<FileRegistry> {
  return compileRegistry(PROTO);
}

/**
 * Reads a value of a case file: `{"$int": "1"}` stands for a bigint, `{"$bytes": "AQ=="}` for bytes, `{"$number": "NaN"}`
 * for a number that JSON does not have, `{"$units": [55296]}` for a text of such UTF-16 units.
 */
export function revive(value: unknown): FieldValue {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== 'object' || value === null) return value as FieldValue;
  const { $int, $bytes, $number } = value as Record<string, string | undefined>;
  const { $units } = value as Record<string, number[] | undefined>;
  if ($units !== undefined) return String.fromCharCode(...$units);
  if ($int !== undefined) return BigInt($int);
  if ($bytes !== undefined) return new Uint8Array(Buffer.from($bytes, 'base64'));
  if ($number !== undefined) return Number($number);
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, revive(member)]));
}

/** A message as Maps, to be compared with `toEqual`, which would overlook a key such as `__proto__` of an object. */
export function plain(value: FieldValue | undefined): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

/** The cases of a file below test/cases. An import would not do: it makes `__proto__` the prototype. */
export function readCases<Cases>(name: string): Cases {
  return JSON.parse(readFileSync(new URL(`../cases/${name}.json`, import.meta.url), 'utf8')) as Cases;
}
