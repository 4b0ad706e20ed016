import type { Clock } from '../base/clock.ts';
import { pause } from '../base/wait.ts';
import type { Operation } from '../contract/operation.ts';
import type { JsonValue } from '../payload/json.ts';
import { payloadOf } from '../payload/payload-memo.ts';
import { credentialKey } from '../vultr/credential-key.ts';
import type { UpstreamRequest } from '../vultr/vultr.ts';
import type { Feed } from './feed.ts';
import { isObject, sameJson } from './json-diff.ts';
import { findElements, firstPage, hasPages, nextPage } from './list-page.ts';
import type { WatchesOptions, WatchLimits } from './options.ts';
import type { PollPace } from './poll-pace.ts';
import { compileOmission, type SelectFields } from './select-fields.ts';
import { SharedTurns, type Sharer } from './shared-turns.ts';

/** From this many watched things on, their list is polled instead of each of them. */
const LEAST_THINGS = 4;

/** The most pages of a list that are read. For each there must be so many watched things, else to poll those costs less. */
const PAGES = { most: 20, thingsOfEach: 5 } as const;

/**
 * The multiples of the base interval between two looks at a list: while a watcher waits for a state, while none does, and when
 * the list is of no use.
 */
const INTERVALS = { awaited: 1, idle: 5, useless: 300 } as const;

const POLL_TIMEOUT_MS = 30_000;

/** The options of scouts. */
interface ScoutOptions extends Pick<WatchesOptions, 'vultr' | 'resolve' | 'ease'> {
  readonly clock: Clock;
  readonly limits: WatchLimits;
  readonly pace: PollPace;
}

/** An element that a list shows. */
interface Sighting {
  readonly element: JsonValue;
  /** When it was first seen. */
  readonly sinceMs: number;
}

/** The watched things of one list. */
interface Group {
  readonly feeds: Map<string, Feed>;
  readonly list: Operation;
  readonly request: UpstreamRequest;
  readonly turns: SharedTurns;
  readonly steady: SelectFields;
  /** What the list showed last of the watched things, by id. */
  seen: ReadonlyMap<string, Sighting>;
  polling: AbortController | undefined;
  /** So many pages were too few for the list. */
  triedPages: number;
  endPause: () => void;
}

/** What a look at a list has brought. */
type Look =
  /** Every element of it was read. */
  | { readonly kind: 'whole'; readonly pages: number; readonly watched: ReadonlyMap<string, JsonValue> }
  /** It is too long, or its elements have no ids. */
  | { readonly kind: 'useless' }
  | { readonly kind: 'failed' };

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
    if (group.feeds.size < LEAST_THINGS) return;
    if (group.polling === undefined) {
      group.polling = new AbortController();
      void this.#run(group, group.polling.signal);
    } else if (group.triedPages > 0 && mostPages(group) > group.triedPages) group.endPause();
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
    if (!hasPages(list) || list.isRaw || (list.effect !== 'READ' && list.effect !== operation.effect))
      return undefined;
    const volatile = (operation.states?.volatile ?? []).map((names) => names.slice(1));
    const feeds = new Map<string, Feed>();
    const group: Group = {
      feeds,
      list,
      request: firstPage(list, { method: 'GET', path, query: '', body: undefined }),
      turns: new SharedTurns(this.#options.pace, () => sharersOf(feeds)),
      steady: compileOmission(volatile),
      seen: new Map(),
      polling: undefined,
      triedPages: 0,
      endPause: () => undefined,
    };
    this.#groups.set(key, group);
    return group;
  }

  async #run(group: Group, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const look = await this.#look(group, signal);
      if (signal.aborted) return;
      if (look.kind === 'whole') this.#compare(group, look.watched);
      // Each thing is then polled by itself, which shows what is wrong.
      else for (const feed of group.feeds.values()) feed.isScouted = false;
      await this.#rest(group, look, signal);
    }
  }

  /** Reads the list page by page, as long as that costs less than to poll its things. */
  async #look(group: Group, signal: AbortSignal): Promise<Look> {
    const { vultr, clock } = this.#options;
    const watched = new Map<string, JsonValue>();
    let hasIds = true;
    let pages = 0;
    for (let page: UpstreamRequest | undefined = group.request; page !== undefined; ) {
      if (pages >= mostPages(group)) {
        group.triedPages = pages;
        return { kind: 'useless' };
      }
      const owner = await group.turns.take(signal);
      if (owner === undefined) return { kind: 'failed' };
      const options = { ...owner, signal, deadline: clock.now() + POLL_TIMEOUT_MS, isPoll: true };
      try {
        const { value } = payloadOf((await vultr.call(group.list, page, options)).body);
        const elements = findElements(value) ?? [];
        hasIds &&= elements.length === 0 || elements.some((element) => idOf(element) !== undefined);
        this.#collect(group, elements, watched);
        page = nextPage(group.request, page, value);
      } catch {
        return { kind: 'failed' };
      }
      pages += 1;
    }
    group.triedPages = 0;
    return hasIds ? { kind: 'whole', pages, watched } : { kind: 'useless' };
  }

  #collect({ feeds, steady }: Group, elements: readonly JsonValue[], watched: Map<string, JsonValue>): void {
    for (const element of elements) {
      const id = idOf(element);
      if (id !== undefined && isObject(element) && feeds.has(id)) watched.set(id, steady(element));
    }
  }

  #compare(group: Group, watched: ReadonlyMap<string, JsonValue>): void {
    const nowMs = this.#options.clock.now();
    const before = group.seen;
    const now = new Map<string, Sighting>();
    for (const [id, element] of watched) now.set(id, { element, sinceMs: before.get(id)?.sinceMs ?? nowMs });
    group.seen = now;
    for (const [id, feed] of group.feeds) {
      const [was, is] = [before.get(id), now.get(id)];
      if (was !== undefined && (is === undefined || !sameJson(was.element, is.element))) feed.noteChange();
      // What changed between its own last poll and its first sighting, the list will never show.
      feed.isScouted = is !== undefined && feed.polledAtMs > is.sinceMs;
    }
  }

  async #rest(group: Group, look: Look, signal: AbortSignal): Promise<void> {
    const { clock, limits, ease = () => 1 } = this.#options;
    const rested = new AbortController();
    group.endPause = () => rested.abort();
    const ms = (limits.intervalMs * intervalsAfter(look, group)) / Math.max(ease(), 0.1);
    await pause(clock, ms, AbortSignal.any([signal, rested.signal]));
    group.endPause = () => undefined;
  }

  #stop(group: Group): void {
    group.polling?.abort();
    group.polling = undefined;
    group.seen = new Map();
    group.triedPages = 0;
    for (const feed of group.feeds.values()) feed.isScouted = false;
  }
}

/** The multiple of the base interval until the next look at a list. Two pages are read in an interval at most. */
function intervalsAfter(look: Look, { feeds }: Group): number {
  if (look.kind === 'useless') return INTERVALS.useless;
  // A failure is not a reason to poll everything at once; the next interval may bring the list.
  if (look.kind === 'failed') return INTERVALS.idle;
  const isAwaited = feeds.values().some((feed) => feed.isAwaited);
  return Math.max(1, look.pages / 2) * (isAwaited ? INTERVALS.awaited : INTERVALS.idle);
}

function mostPages({ feeds }: Group): number {
  return Math.min(PAGES.most, Math.max(1, Math.floor(feeds.size / PAGES.thingsOfEach)));
}

/** Those for whom a list is polled. It brings nobody's first state. */
function* sharersOf(feeds: ReadonlyMap<string, Feed>): Generator<Sharer> {
  for (const feed of feeds.values())
    for (const { caller, owner, urgency } of feed.sharers())
      yield { caller, owner, urgency: urgency === 'awaited' ? 'sparing' : 'later' };
}

function idOf(element: JsonValue): string | undefined {
  const id = isObject(element) ? element['id'] : undefined;
  return typeof id === 'string' ? id.toLowerCase() : undefined;
}

/** The list that may contain a thing, for each credential, and the thing's id there. */
function placeOf({ target }: Feed): readonly [key: string, id: string] {
  const { path } = target.request;
  const id = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  return [`${credentialKey(target)} ${parentOf(path)?.toLowerCase()}`, id];
}

function parentOf(path: string): string | undefined {
  const end = path.lastIndexOf('/');
  return end > 0 ? path.slice(0, end) : undefined;
}
