import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { type JsonObject, type JsonValue, stringifyJson } from '../payload/json.ts';
import { Payload } from '../payload/payload.ts';
import type { Reply } from '../rpc/call.ts';
import { isObject } from './json-diff.ts';
import type { Change, WatchEvent } from './watch-thing.ts';

/** The field numbers of vultr.v2.WatchResponse, JsonPatch and WalkResponse. */
const WATCH = { sequence: 1, id: 2, skipped: 6, restarted: 7, reached: 8, gone: 9 } as const;
const CHANGE = { whole: 3, 'merge-patch': 4, 'json-patch': 5 } as const;
const OPERATIONS = 1;
const WALK = { index: 1, element: 2 } as const;

const VARINT = 0;
const BYTES = 2;

/** A message of Watch. Over HTTP it is an event, or a few. */
export function watchReply(event: WatchEvent): Reply {
  return {
    toBinary: () => encodeEvent(event),
    toJson: () => dataOf(event.change),
    eventText: () => eventText(event),
  };
}

function encodeEvent({ sequence, id, change, skipped, isRestarted, isReached }: WatchEvent): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(WATCH.sequence, VARINT).int64(sequence);
  writer.tag(WATCH.id, BYTES).string(id);
  if (change !== undefined) writer.tag(CHANGE[change.form], BYTES).bytes(encodeChange(change));
  if (skipped > 0) writer.tag(WATCH.skipped, VARINT).int64(skipped);
  if (isRestarted) writer.tag(WATCH.restarted, VARINT).bool(true);
  if (isReached) writer.tag(WATCH.reached, VARINT).bool(true);
  if (change === undefined) writer.tag(WATCH.gone, VARINT).bool(true);
  return writer.finish();
}

function encodeChange(change: Change): Uint8Array {
  if (change.form === 'whole') return change.state.struct;
  if (change.form === 'merge-patch') return change.patch.struct;
  const writer = new BinaryWriter();
  for (const operation of change.operations)
    writer.tag(OPERATIONS, BYTES).bytes(Payload.of(operation).struct);
  return writer.finish();
}

function dataOf(change: Change | undefined): Uint8Array {
  if (change === undefined) return Buffer.from('{}');
  if (change.form === 'whole') return change.state.json;
  if (change.form === 'merge-patch') return change.patch.json;
  return Buffer.from(stringifyJson(change.operations));
}

/**
 * The event as server-sent events. A whole state is an unnamed event whose data is what Vultr would respond with. Patches and
 * notices are named events.
 */
function eventText(event: WatchEvent): string {
  const { change, id, skipped, isRestarted } = event;
  const name = change === undefined ? 'gone' : change.form;
  const text = Buffer.from(dataOf(change))
    .toString('utf8')
    .replace(/[\r\n]+/g, ' ');
  return [
    isRestarted ? 'event: restarted\ndata: {}\n\n' : '',
    skipped > 0 ? `event: skipped\ndata: {"states":${skipped}}\n\n` : '',
    name === 'whole' ? '' : `event: ${name}\n`,
    `id: ${id}\ndata: ${text}\n\n`,
  ].join('');
}

/** A message of Walk. Over HTTP it is the element itself. */
export function walkReply(index: number, element: JsonValue): Reply {
  const object: JsonObject = isObject(element) ? element : { value: element };
  return {
    toBinary: () => {
      const writer = new BinaryWriter();
      if (index > 0) writer.tag(WALK.index, VARINT).int64(index);
      return writer.tag(WALK.element, BYTES).bytes(Payload.of(object).struct).finish();
    },
    toJson: () => Buffer.from(stringifyJson(element)),
  };
}
