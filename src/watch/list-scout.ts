import type { Clock } from '../base/clock.ts';
import { pause } from '../base/wait.ts';
import type { Operation } from '../contract/operation.ts';
import type { JsonValue } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { callerKey } from '../vultr/credential-key.ts';
import type { UpstreamRequest } from '../vultr/vultr.ts';
import type { Feed } from './feed.ts';
import { isObject, sameJson } from './json-diff.ts';
import { findElements } from './list-page.ts';
import type { WatchesOptions, WatchLimits, WatchOwner } from './options.ts';
import type { PollPace } from './poll-pace.ts';
import { compileOmission, type SelectFields } from './select-fields.ts';
import { SharedTurns, type Sharer } from './shared-turns.ts';

/** From this many watched things on, their list is polled instead of each of them. */
const LEAST_THINGS = 4;

/** Vultr's largest page. A longer list is not polled; its things are polled one by one. */
const PAGE_SIZE = 500;

const POLL_TIMEOUT_MS = 30_000;

/** The options of scouts. */
interface ScoutOptions extends Pick<WatchesOptions, 'vultr' | 'resolve'> {
  readonly clock: Clock;
  readonly limits: WatchLimits;
  readonly pace: PollPace;
}

/** The watched things of one list. */
interface Group {
  readonly feeds: Map<string, Feed>;
  readonly list: Operation;
  readonly request: UpstreamRequest;
  readonly turns: SharedTurns;
  readonly steady: SelectFields;
  /** The elements that the list showed last, by id. */
  seen: ReadonlyMap<string, JsonValue>;
  polling: AbortController | undefined;
}

/**
 * Polls a list instead of each of many things in it. A thing that has changed there, or is missing, is then polled by itself:
 * the state of a thing always comes from its own read, since a list may show less.
 */
export class ListScouts {
  readonly #options: ScoutOptions;
  readonly #groups = new Map<string, Group>();

  constructor(options: ScoutOptions) {
    this.#options = options;
  }

  /** Begins to watch a thing. */
  join(feed: Feed): void {
    const [key, id] = placeOf(feed);
    const group = this.#groups.get(key) ?? this.#makeGroup(key, feed);
    if (group === undefined) return;
    group.feeds.set(id, feed);
    if (group.feeds.size < LEAST_THINGS || group.polling !== undefined) return;
    group.polling = new AbortController();
    void this.#run(group, group.polling.signal);
  }

  /** Stops watching a thing. */
  leave(feed: Feed): void {
    const [key, id] = placeOf(feed);
    const group = this.#groups.get(key);
    if (group === undefined || group.feeds.get(id) !== feed) return;
    group.feeds.delete(id);
    feed.isScouted = false;
    if (group.feeds.size < LEAST_THINGS) this.#stop(group);
    if (group.feeds.size === 0) this.#groups.delete(key);
  }

  #makeGroup(key: string, { target }: Feed): Group | undefined {
    const { request, operation } = target;
    const path = parentOf(request.path);
    if (request.query !== '' || path === undefined || operation.isRaw) return undefined;
    const list = this.#options.resolve('GET', path);
    const isList = list.input.fields.some(({ name }) => name === 'per_page');
    if (!isList || list.isRaw || (list.effect !== 'READ' && list.effect !== operation.effect))
      return undefined;
    const volatile = (operation.states?.volatile ?? []).map((names) => names.slice(1));
    const feeds = new Map<string, Feed>();
    const group: Group = {
      feeds,
      list,
      request: { method: 'GET', path, query: `per_page=${PAGE_SIZE}`, body: undefined },
      turns: new SharedTurns(this.#options.pace, () => sharersOf(feeds)),
      steady: compileOmission(volatile),
      seen: new Map(),
      polling: undefined,
    };
    this.#groups.set(key, group);
    return group;
  }

  async #run(group: Group, signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#options;
    while (!signal.aborted) {
      const owner = await group.turns.take(signal);
      if (owner === undefined) return;
      const isUsable = await this.#poll(group, owner, signal);
      if (signal.aborted) return;
      for (const feed of group.feeds.values()) feed.isScouted = isUsable;
      // A failure is not a reason to poll everything at once; the next interval may bring the list.
      const isAwaited = [...group.feeds.values()].some((feed) => feed.isAwaited);
      await pause(clock, limits.intervalMs * (isUsable && isAwaited ? 1 : 5), signal);
    }
  }

  /** @returns whether the list shows every watched thing */
  async #poll(group: Group, owner: WatchOwner, signal: AbortSignal): Promise<boolean> {
    const { vultr, clock } = this.#options;
    const { list, request } = group;
    const options = { ...owner, signal, deadline: clock.now() + POLL_TIMEOUT_MS, isPoll: true };
    try {
      const { value } = payloadOf((await vultr.call(list, request, options)).body);
      const elements = findElements(value) ?? [];
      if (elements.length >= PAGE_SIZE) return false;
      this.#compare(group, elements);
      return true;
    } catch {
      // Each thing is then polled by itself, which shows what is wrong.
      return false;
    }
  }

  #compare(group: Group, elements: readonly JsonValue[]): void {
    const before = group.seen;
    const now = new Map<string, JsonValue>();
    for (const element of elements) {
      if (!isObject(element) || typeof element['id'] !== 'string') continue;
      now.set(element['id'].toLowerCase(), group.steady(element));
    }
    group.seen = now;
    for (const [id, feed] of group.feeds) {
      const [was, is] = [before.get(id), now.get(id)];
      if (was === undefined && is === undefined) continue;
      if (was === undefined ? feed.isScouted : is === undefined || !sameJson(was, is)) feed.noteChange();
    }
  }

  #stop(group: Group): void {
    group.polling?.abort();
    group.polling = undefined;
    group.seen = new Map();
    for (const feed of group.feeds.values()) feed.isScouted = false;
  }
}

/** Those for whom a list is polled. It brings nobody's first state. */
function* sharersOf(feeds: ReadonlyMap<string, Feed>): Generator<Sharer> {
  for (const feed of feeds.values())
    for (const { caller, owner, urgency } of feed.sharers())
      yield { caller, owner, urgency: urgency === 'awaited' ? urgency : 'later' };
}

/** The list that may contain a thing, for each caller, and the thing's id there. */
function placeOf({ target }: Feed): readonly [key: string, id: string] {
  const { path } = target.request;
  const id = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  return [`${callerKey(target)} ${parentOf(path)?.toLowerCase()}`, id];
}

function parentOf(path: string): string | undefined {
  const end = path.lastIndexOf('/');
  return end > 0 ? path.slice(0, end) : undefined;
}
