import { describe, expect, test } from 'vitest';
import { Circuit, type CircuitKind } from '../../src/vultr/circuit.ts';

const POLICY = { failures: 3, openMs: 1_000, maxOpenMs: 3_000 };

function setUp() {
  const kinds: CircuitKind[] = [];
  const circuit = new Circuit(POLICY, ({ kind }) => kinds.push(kind));
  const fail = (nowMs: number, times = 1): void => {
    for (let count = 0; count < times; count++) circuit.fail(circuit.generation, nowMs);
  };
  return { circuit, kinds, fail };
}

describe('a circuit', () => {
  test('opens after so many failures in a row, and not before', () => {
    const { circuit, kinds, fail } = setUp();
    fail(0, 2);
    expect(circuit.admit(0)).toEqual({ kind: 'passed' });
    fail(0);
    expect(circuit.admit(400)).toEqual({ kind: 'refused', retryMs: 600 });
    expect(kinds).toEqual(['open']);
  });

  test('forgets failures with a success between them', () => {
    const { circuit, fail } = setUp();
    for (let round = 0; round < 10; round++) {
      fail(0, 2);
      circuit.succeed(circuit.generation);
    }
    expect(circuit.kind).toBe('closed');
  });

  test('lets one probe through at a time when its time is over', () => {
    const { circuit, fail } = setUp();
    fail(0, 3);
    expect(circuit.admit(1_000)).toEqual({ kind: 'probe' });
    expect(circuit.admit(1_000)).toEqual({ kind: 'refused', retryMs: 1_000 });
    circuit.endProbe();
    expect(circuit.admit(1_000)).toEqual({ kind: 'probe' });
  });

  test('closes when the probe succeeds, and starts to count anew', () => {
    const { circuit, kinds, fail } = setUp();
    fail(0, 3);
    circuit.admit(1_000);
    circuit.succeed(circuit.generation);
    circuit.endProbe();
    fail(1_000, 2);
    expect(circuit.admit(1_000)).toEqual({ kind: 'passed' });
    expect(kinds).toEqual(['open', 'half_open', 'closed']);
  });

  test('stays open twice as long after each probe that fails, up to its bound', () => {
    const { circuit, fail } = setUp();
    fail(0, 3);
    const waits: number[] = [];
    for (let nowMs = 0, round = 0; round < 5; round++) {
      const admission = circuit.admit(nowMs);
      if (admission.kind !== 'refused') throw new Error('It was to be open.');
      waits.push(admission.retryMs);
      nowMs += admission.retryMs;
      expect(circuit.admit(nowMs).kind).toBe('probe');
      fail(nowMs);
      circuit.endProbe();
    }
    expect(waits).toEqual([1_000, 2_000, 3_000, 3_000, 3_000]);
  });

  test('ignores the outcomes of requests that were sent before it changed', () => {
    const { circuit, fail } = setUp();
    const early = circuit.generation;
    fail(0, 3);
    circuit.succeed(early);
    expect(circuit.kind).toBe('open');
    circuit.admit(1_000);
    circuit.succeed(early);
    circuit.fail(early, 1_000);
    expect(circuit.kind).toBe('half_open');
    circuit.succeed(circuit.generation);
    expect(circuit.kind).toBe('closed');
  });
});
