import type { CreateInstanceRequest, GetInstanceRequest } from '../gen/vultr/cloud/v1/cloud_service.ts';
import { Payload } from '../payload/payload.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import type { Call, Reply } from '../rpc/call.ts';
import { anyReply } from '../rpc/reply.ts';
import { CallError, type FieldViolation } from '../status/call-error.ts';
import type { Message } from '../transcoding/message.ts';
import type { CatalogueReader } from './catalogue-reader.ts';
import { dryRun } from './dry-run.ts';
import { readPage, toListPayload } from './paging.ts';
import type { AskVultr } from './upstream.ts';

/** The handlers of an instance's life cycle, except for watching it. */
export function createInstances(ask: AskVultr, reader: CatalogueReader) {
  return {
    /** CreateInstance: POST /v2/instances. */
    async createInstance(request: CreateInstanceRequest, call: Call): Promise<Reply> {
      const fields = toCreateFields(request, call.request);
      if (request.dry_run) return anyReply(await dryRun({ ask, reader, call }, request));
      const { body, attempts, readyWithinMs } = await ask('createInstance', fields, call);
      return anyReply(payloadOf(body), { attempts, readyWithinMs });
    },

    /** ListInstances: GET /v2/instances. */
    async listInstances(_request: unknown, call: Call): Promise<Reply> {
      const { body, attempts } = await ask('listInstances', withoutOwnFields(call.request), call);
      return anyReply(toListPayload('instances', readPage(payloadOf(body), 'instances')), { attempts });
    },

    /** GetInstance: GET /v2/instances/{id}. */
    async getInstance({ instance_id }: GetInstanceRequest, call: Call): Promise<Reply> {
      const { body, attempts } = await ask('getInstance', { instance_id }, call);
      return anyReply(payloadOf(body), { attempts });
    },

    /** StartInstance, HaltInstance, RebootInstance: POST /v2/instances/{id}/{action}. */
    act(name: 'startInstance' | 'haltInstance' | 'rebootInstance') {
      return async ({ instance_id }: { instance_id: string }, call: Call): Promise<Reply> => {
        const { attempts } = await ask(name, { instance_id }, call);
        return anyReply(Payload.of({}), { attempts });
      };
    },

    /** TerminateInstance: DELETE /v2/instances/{id}. */
    async terminateInstance({ instance_id }: { instance_id: string }, call: Call): Promise<Reply> {
      const { attempts } = await ask('deleteInstance', { instance_id }, call);
      return anyReply(Payload.of({}), { attempts });
    },
  };
}

/** What Vultr is sent: everything but the fields that are for this service alone. */
function withoutOwnFields({
  access_token: _,
  request_id: __,
  dry_run: ___,
  wait: ______,
  secret_id: ____,
  secret_key: _____,
  ...fields
}: Message): Message {
  return fields;
}

/**
 * The ids of operating systems that only say that the image comes from elsewhere: ISO, snapshot, backup, application.
 * Clients that grew up with Vultr's API v1 send them beside the real source.
 */
const PSEUDO_OS_IDS: ReadonlySet<number> = new Set([159, 164, 180, 186]);

/** The request as Vultr wants it: image_id is an os_id when it is a number. */
function toCreateFields(request: CreateInstanceRequest, message: Message): Message {
  const { image_id, ...fields } = withoutOwnFields(message);
  if (image_id === undefined || image_id === '') {
    assertOneSource(request, request.os_id);
    return fields;
  }
  if (!/^\d+$/.test(String(image_id))) {
    assertOneSource(request, request.os_id);
    return { ...fields, image_id };
  }
  const os_id = Number(image_id);
  if (request.os_id !== undefined && request.os_id !== os_id) {
    const description = 'Names another operating system than os_id does. Give one of the two.';
    throw CallError.invalid([{ field: 'image_id', description }]);
  }
  if (!Number.isSafeInteger(os_id)) {
    const description = 'Not the id of an operating system. ListImages lists them.';
    throw CallError.invalid([{ field: 'image_id', description }]);
  }
  assertOneSource({ ...request, image_id: undefined }, os_id);
  return { ...fields, os_id };
}

/** Vultr boots an instance from exactly one source; given none or several it says little more than "Bad request". */
function assertOneSource(request: CreateInstanceRequest, osId: number | undefined): void {
  const named = (['image_id', 'app_id', 'iso_id', 'snapshot_id'] as const).filter((field) =>
    Boolean(request[field]),
  );
  const sources: string[] =
    osId === undefined || (PSEUDO_OS_IDS.has(osId) && named.length > 0) ? named : ['os_id', ...named];
  const violations: FieldViolation[] = [];
  if (sources.length > 1) {
    violations.push({
      field: sources[0] ?? '',
      description: `Names ${sources.join(' and ')}. Give one source to boot from.`,
    });
  }
  if (sources.length === 0 && request.block_devices.length === 0) {
    violations.push({
      field: 'image_id',
      description: 'Give a source to boot from: image_id, os_id, app_id, iso_id or snapshot_id.',
    });
  }
  if (violations.length > 0) throw CallError.invalid(violations);
}
