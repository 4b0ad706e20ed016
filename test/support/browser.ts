import { existsSync, readFileSync } from 'node:fs';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { closeAtEnd } from './opened.ts';

/** Where distributions put Chromium. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** Why there is no browser; undefined: there is one. */
export const NO_BROWSER = CHROMIUM === undefined ? 'Chromium is not installed' : undefined;
if (NO_BROWSER !== undefined) process.stderr.write(`skipped: ${NO_BROWSER}\n`);

/** It must look up nothing in the network, and may run as root in a container. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const axe = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/** Starts a real browser. */
export async function startBrowser(): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: FLAGS });
  closeAtEnd(() => browser.close());
  return browser;
}

/** A page, and everything that it complained about: errors in its console, and what its policy forbade. */
export interface WatchedPage {
  readonly page: Page;
  readonly complaints: string[];
}

/** Opens a page in a profile of its own. Times are those of a machine under load. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  closeAtEnd(() => context.close());
  context.setDefaultTimeout(45_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (event) => console.error('policy', event.violatedDirective, event.blockedURI))",
  );
  await page.goto(url);
  return { page, complaints };
}

/** What axe finds, at its most serious: what keeps people from using the page. */
export async function findBarriers(page: Page): Promise<readonly string[]> {
  // The page's own policy forbids inline scripts; what is evaluated by the test is not one.
  return await page.evaluate(`${axe};
    axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`);
}

/** The page is not wider than its window, as far as its reader can tell. */
export async function expectToFit(page: Page): Promise<void> {
  const [content, room] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, innerWidth]',
  );
  expect(content).toBeLessThanOrEqual(room);
}
