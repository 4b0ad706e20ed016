import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Base64Reader } from '../../../src/http/connect/base64.ts';

describe('base64', () => {
  test('is read whatever its parts are, and in whatever pieces it comes', () => {
    for (let round = 0; round < 200; round += 1) {
      const parts = Array.from({ length: round % 7 }, () => randomBytes(Math.floor(Math.random() * 10)));
      const text = Buffer.from(parts.map((part) => part.toString('base64')).join(''));
      const cut = Math.floor(Math.random() * text.length);
      const reader = new Base64Reader();
      const read = [reader.push(text.subarray(0, cut)), reader.push(text.subarray(cut))];
      reader.end();
      expect(Buffer.concat(read)).toEqual(Buffer.concat(parts));
    }
  });

  test.each(['A', 'AAAA=', 'A===', 'AA=A', '====', 'AAA*', 'AA==AA='])('is not %s', (text) => {
    expect(() => {
      const reader = new Base64Reader();
      reader.push(Buffer.from(text));
      reader.end();
    }).toThrow('The request is not valid base64.');
  });
});
