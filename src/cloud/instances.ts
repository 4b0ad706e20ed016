import type { Call, Reply } from '../rpc/call.ts';
import type { Message } from '../transcoding/message.ts';
import { anyReply } from '../rpc/reply.ts';
import type {
  CreateInstanceRequest,
  GetInstanceRequest,
  ListInstancesRequest,
} from '../gen/vultr/cloud/v1/cloud_service.ts';
import { Payload } from '../payload/payload.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { CallError, type FieldViolation } from '../status/call-error.ts';
import { type Ask, askForPayload, askVultr } from '../vultr/ask.ts';
import { vultrPath, vultrQuery } from '../vultr/path.ts';
import type { Send } from '../vultr/request.ts';
import type { CatalogueReader } from './catalogue-reader.ts';
import { dryRun } from './dry-run.ts';
import { readPage, toListPayload } from './paging.ts';
import type { RecentCreations } from './recent-creations.ts';

/** The handlers of an instance's life, but for watching it. */
export function createInstances(send: Send, ask: Ask, reader: CatalogueReader, recent: RecentCreations) {
  return {
    /** CreateInstance: POST /v2/instances. */
    async createInstance(request: CreateInstanceRequest, call: Call): Promise<Reply> {
      const body = toCreateBody(request, call.request);
      if (request.dry_run) return anyReply(await dryRun(send, reader, call, request));
      const answer = await ask(call, { method: 'POST', path: vultrPath('instances'), body });
      const payload = payloadOf(answer.body);
      recent.add(idOf(payload));
      return anyReply(payload);
    },

    /** ListInstances: GET /v2/instances. */
    async listInstances({ access_token: _, ...filter }: ListInstancesRequest, call: Call): Promise<Reply> {
      const query = vultrQuery({ ...filter });
      const payload = await askForPayload(send, call, { method: 'GET', path: vultrPath('instances'), query });
      return anyReply(toListPayload('instances', readPage(payload, 'instances')));
    },

    /** GetInstance: GET /v2/instances/{id}. */
    async getInstance({ instance_id }: GetInstanceRequest, call: Call): Promise<Reply> {
      return anyReply(await askForPayload(send, call, { method: 'GET', path: instancePath(instance_id) }));
    },

    /** StartInstance, HaltInstance, RebootInstance: POST /v2/instances/{id}/{action}. */
    act(action: 'start' | 'halt' | 'reboot') {
      return async ({ instance_id }: { instance_id: string }, call: Call): Promise<Reply> => {
        await askVultr(send, call, { method: 'POST', path: instancePath(instance_id, action) });
        return empty();
      };
    },

    /** TerminateInstance: DELETE /v2/instances/{id}. */
    async terminateInstance({ instance_id }: { instance_id: string }, call: Call): Promise<Reply> {
      await askVultr(send, call, { method: 'DELETE', path: instancePath(instance_id) });
      recent.forget(instance_id);
      return empty();
    },
  };
}

/** The path of an instance, or of something below it. */
export function instancePath(instanceId: string, ...rest: string[]): string {
  return vultrPath('instances', { field: 'instance_id', value: instanceId }, ...rest);
}

/** The id of the instance in an answer of Vultr's; undefined when there is none. */
function idOf({ value: { instance } }: Payload): string | undefined {
  const id =
    typeof instance === 'object' && instance !== null && 'id' in instance ? instance['id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** Vultr answers an action with 204: there is nothing to tell. */
function empty(): Reply {
  return anyReply(Payload.of({}));
}

/**
 * The ids of operating systems that only say that the image comes from elsewhere: ISO, snapshot, backup, application.
 * Clients that grew up with Vultr's API v1 send them beside the real source.
 */
const PSEUDO_OS_IDS: ReadonlySet<number> = new Set([159, 164, 180, 186]);

/** The request as Vultr wants it: the same members but for the credential, image_id being an os_id when it is a number. */
function toCreateBody(request: CreateInstanceRequest, fields: Message): Message {
  const { access_token: _, request_id: __, dry_run: ___, image_id, ...body } = fields;
  if (image_id === undefined || image_id === '') {
    assertOneSource(request, request.os_id);
    return body;
  }
  if (!/^\d+$/.test(String(image_id))) {
    assertOneSource(request, request.os_id);
    return { ...body, image_id };
  }
  const os_id = Number(image_id);
  if (request.os_id !== undefined && request.os_id !== os_id) {
    throw CallError.invalid([
      { field: 'image_id', description: 'It names another operating system than os_id does.' },
    ]);
  }
  if (!Number.isSafeInteger(os_id)) {
    throw CallError.invalid([{ field: 'image_id', description: 'It is no id of an operating system.' }]);
  }
  assertOneSource({ ...request, image_id: undefined }, os_id);
  return { ...body, os_id };
}

/** Vultr boots an instance from exactly one source; told of none or several it says little more than "Bad request". */
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
      description: `Name one source to boot from, not ${sources.join(' and ')}.`,
    });
  }
  if (sources.length === 0 && request.block_devices.length === 0) {
    violations.push({
      field: 'image_id',
      description: 'Name a source to boot from: image_id, os_id, app_id, iso_id or snapshot_id.',
    });
  }
  if (violations.length > 0) throw CallError.invalid(violations);
}
