import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

type Close = () => Promise<unknown> | unknown;

/** What is to be closed when the running test ends, and when the file ends. */
const ofTest: Close[] = [];
const ofFile: Close[] = [];

let isOpeningForFile = false;

/** What the test runner itself has open, before any test opens something. */
const SOCKETS_OF_THE_RUNNER = countSockets();

/** How long sockets may take to go away after everything was closed. */
const LINGER_MS = 3_000;

/**
 * Has something closed when the running test ends, the last opened first; with openForFile, when the file ends. A test,
 * or a file, that leaves a socket open, its own or one of what it opened, fails.
 */
export function closeAtEnd(close: Close): void {
  if (isOpeningForFile) {
    ofFile.push(close);
    return;
  }
  if (ofTest.length === 0) {
    onTestFinished(async () => {
      await closeAll(ofTest);
      if (ofFile.length === 0) await assertNothingLeft();
    });
  }
  ofTest.push(close);
}

/** Opens something once for all tests of a file that calls this at its top. The result gives it to the tests. */
export function openForFile<T>(open: () => Promise<T>): () => T {
  let opened: { readonly value: T } | undefined;
  beforeAll(async () => {
    isOpeningForFile = true;
    try {
      opened = { value: await open() };
    } finally {
      isOpeningForFile = false;
    }
  });
  afterAll(async () => {
    await closeAll(ofFile);
    await assertNothingLeft();
  });
  return () => {
    if (opened === undefined) throw new Error('It is opened before the first test, not before.');
    return opened.value;
  };
}

async function closeAll(closers: Close[]): Promise<void> {
  for (const close of closers.splice(0).reverse()) await close();
}

async function assertNothingLeft(): Promise<void> {
  const until = Date.now() + LINGER_MS;
  while (countSockets() > SOCKETS_OF_THE_RUNNER) {
    if (Date.now() > until) {
      throw new Error(`The test has left ${countSockets() - SOCKETS_OF_THE_RUNNER} sockets or servers open.`);
    }
    await sleep(5);
  }
}

/** The TCP sockets and servers that keep this process alive. */
function countSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
}
