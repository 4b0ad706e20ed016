import { badRequest } from '../engine/api-error.ts';
import { type Call, target } from '../engine/call.ts';
import type { Json, JsonObject } from '../engine/json.ts';
import { membersShown } from './cluster-members.ts';

const HOUR_S = 3600;
/** How far back each period reaches, in hours. */
const PERIODS: Record<string, number> = { '-1days': 24, '-7days': 7 * 24, '-30days': 30 * 24 };
const POINTS = 24;

/** The metrics of a cluster's machines. Machines without a GPU have the values of an idle GPU. */
export function metricsOf(call: Call): JsonObject {
  const period = call.query.get('period') || '-1days';
  const hours = Object.hasOwn(PERIODS, period) ? PERIODS[period] : undefined;
  if (hours === undefined) throw badRequest('Invalid period.');
  const { fields } = target(call);
  const nowS = Math.floor(call.world.clock.nowMs() / 1000);
  const series = (name: string, value: number): Json[] => [seriesOf(name, value, nowS, hours)];
  const pair = (value: number): JsonObject => ({ tx: series('tx', value), rx: series('rx', value) });
  const gpu = {
    temperature: { gpu: series('temperature', 41) },
    utilization: {
      gpu: series('utilization', 0),
      memory: {
        total: series('total', 81_920),
        used: series('used', 4),
        free: series('free', 81_916),
      },
    },
    power: { used: series('used', 62), max: series('max', 400) },
  };
  const fabric: Json =
    fields['gpu_fabric'] === true
      ? { raw_throughput: pair(0), retries: pair(0), optical_power_strength: pair(1.2) }
      : [];
  const instances = membersShown(call, fields).map(({ id }) => [String(id), { gpu, fabric }]);
  return { instances: Object.fromEntries(instances) as JsonObject };
}

/** Values in even steps. The last one is that of now, which has not been measured yet. */
function seriesOf(name: string, value: number, nowS: number, hours: number): JsonObject {
  const stepS = (hours * HOUR_S) / POINTS;
  const datapoints = Array.from({ length: POINTS }, (_, at) => {
    const age = POINTS - 1 - at;
    return [age === 0 ? null : value, nowS - age * stepS];
  });
  return { target: '0', datapoints, tags: { name } };
}
