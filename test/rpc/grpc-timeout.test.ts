import { expect, test } from 'vitest';
import { parseGrpcTimeout } from '../../src/rpc/grpc-timeout.ts';

test.each([
  ['1H', 3_600_000],
  ['99999999H', 359_999_996_400_000],
  ['20m', 20],
  ['500u', 1],
  ['1500u', 2],
  ['1n', 1],
  ['0S', 0],
  ['', undefined],
  ['5', undefined],
  ['-5S', undefined],
  ['5S ', undefined],
  ['123456789S', undefined],
])('the timeout %o is %o milliseconds', (header, ms) => {
  expect(parseGrpcTimeout(header)).toBe(ms);
});
