import { createFileRegistry, fromBinary, getOption, hasOption } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { optionOf } from '../../src/transcoding/option.ts';
import { compileProto } from '../support/compile-proto.ts';

const registry = createFileRegistry(
  fromBinary(
    FileDescriptorSetSchema,
    await compileProto(`
syntax = "proto3";
package test;
import "google/protobuf/descriptor.proto";
message Rule { string path = 1; repeated Rule more = 2; int32 number = 3; }
enum Kind { NONE = 0; ONE = 1; TWO = 2; }
extend google.protobuf.MethodOptions {
  Rule rule = 50001; Kind kind = 50002; bool flag = 50003; repeated string names = 50004; repeated Kind kinds = 50005;
}
message Empty {}
service Service {
  rpc Plain(Empty) returns (Empty);
  rpc Full(Empty) returns (Empty) {
    option (rule) = { path: "/a" more: { path: "/b" } more: { path: "/c" } };
    option (rule).number = 7;
    option (kind) = TWO;
    option (flag) = false;
    option (names) = "x";
    option (names) = "y";
    option (kinds) = ONE;
    option (kinds) = TWO;
  }
}
`),
  ),
);
const [plain, full] = registry.getService('test.Service')?.methods ?? [];
if (plain === undefined || full === undefined) throw new Error('The service has no methods.');

test.each(['rule', 'kind', 'flag', 'names', 'kinds'])('%s is read as the library reads it', (name) => {
  const extension = registry.getExtension(`test.${name}`);
  if (extension === undefined) throw new Error(`There is no ${name}.`);
  expect(hasOption(full, extension)).toBe(true);
  expect(optionOf(full, `test.${name}`, registry)).toEqual(getOption(full, extension));
});

test('an option that is not set, or that nobody knows, is undefined', () => {
  for (const name of ['rule', 'kind', 'flag', 'names', 'kinds'])
    expect(optionOf(plain, `test.${name}`, registry)).toBeUndefined();
  expect(optionOf(full, 'test.unknown', registry)).toBeUndefined();
});
