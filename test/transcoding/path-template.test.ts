import { describe, expect, test } from 'vitest';
import { PathTemplateError, parsePathTemplate } from '../../src/transcoding/path-template.ts';
import cases from '../cases/path-templates.json' with { type: 'json' };

describe('a path template', () => {
  test.each(cases.valid)('$template is understood', ({ template, segments, variables, verb }) => {
    const parsed = parsePathTemplate(template);
    const simple = parsed.segments.map((segment) => ('literal' in segment ? segment.literal : segment));
    expect({ segments: simple, variables: parsed.variables, verb: parsed.verb }).toEqual({
      segments,
      variables,
      verb,
    });
    expect(parsed.source).toBe(template);
  });

  test.each(cases.invalid)('$template is refused where it goes wrong', ({ template, ...expected }) => {
    let thrown: unknown;
    try {
      parsePathTemplate(template);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(PathTemplateError);
    expect(thrown).toMatchObject(expected);
    expect((thrown as Error).message).toContain(JSON.stringify(template));
  });

  test('a literal is kept as it is spelled, for the way out', () => {
    expect(parsePathTemplate('/a%20b/%7e').segments).toEqual([
      { literal: 'a b', spelling: 'a%20b' },
      { literal: '~', spelling: '%7e' },
    ]);
  });
});
