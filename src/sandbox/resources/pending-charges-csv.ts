import type { ApiResponse } from '../engine/call.ts';
import type { Json, JsonObject } from '../engine/json.ts';

const COLUMNS = [
  'product',
  'description',
  'unit_type',
  'unit_price',
  'units',
  'total',
  'start_date',
  'end_date',
];

/** The pending charges as text/csv, with the names of the columns in the first line. */
export function pendingChargesCsv(charges: readonly JsonObject[]): ApiResponse {
  const lines = [COLUMNS, ...charges.map((charge) => COLUMNS.map((name) => charge[name] ?? ''))];
  const body = lines.map((line) => `${line.map(cell).join(',')}\r\n`).join('');
  return { status: 200, contentType: 'text/csv', body };
}

/** Quotes a value if it needs quotes (RFC 4180, section 2). */
function cell(value: Json): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
