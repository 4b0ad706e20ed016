import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { writeCallersFile } from '../foreign/callers-file.ts';
import { expectToFit, findBarriers, NO_BROWSER, openPage, startBrowser } from '../support/browser.ts';
import { sendHttp } from '../support/http-request.ts';
import { openForFile } from '../support/opened.ts';
import { KEY, startOnSandbox } from '../support/service.ts';
import { temporaryFolder } from '../support/stores.ts';

const HTTP = { httpListen: { host: '127.0.0.1', port: 0 } };
/** How long looking for barriers may take on a machine under load. */
const PATIENCE_MS = 180_000;

const PHONE = { viewport: { width: 390, height: 800 } };

const inBrowser = describe.skipIf(NO_BROWSER !== undefined);

/** Waits until the operations are listed. */
async function untilListed(page: Page): Promise<void> {
  await page.locator('#found', { hasText: /of|operations/ }).waitFor();
}

/** Goes to an operation of /docs, and waits until it can be sent. */
async function choose(page: Page, id: string): Promise<void> {
  await untilListed(page);
  await page.evaluate(`location.hash = ${JSON.stringify(id)}`);
  await page.locator('.execute').waitFor();
}

/** Sends what is filled in, and returns the status and body of the reply. */
async function execute(page: Page): Promise<{ status: string; body: string; curl: string }> {
  await page.locator('.execute').click();
  const reply = page.locator('.live-responses-table .response');
  await reply.waitFor();
  return {
    status: await reply.locator('.response-col_status').innerText(),
    body: await reply.locator('.response-col_description pre').first().innerText(),
    curl: await page.locator('.curl').innerText(),
  };
}

/** What is looked at for barriers. */
interface Place {
  readonly name: string;
  readonly path: string;
  /** Brings the page to where it is looked at. */
  readonly prepare?: (page: Page) => Promise<void>;
}

const PLACES: readonly Place[] = [
  { name: '/', path: '/' },
  { name: '/docs', path: '/docs', prepare: untilListed },
  {
    name: 'an operation of /docs, with a reply',
    path: '/docs',
    prepare: async (page) => {
      await choose(page, 'InstancesService_CreateInstance');
      await execute(page);
    },
  },
  { name: '/status', path: '/status', prepare: (page) => page.locator('#figures[data-at]').waitFor() },
  { name: 'an error', path: '/nowhere' },
];

inBrowser('in a browser', () => {
  const opened = openForFile(async () => {
    const service = await startOnSandbox({ ...HTTP, rate: 1_000, cacheFreshMs: 300_000 }, { timeScale: 100 });
    return { ...service, browser: await startBrowser(), url: `http://${service.app.httpAddress}` };
  });

  test('/ says where one is and who, and leads to the operations', async () => {
    const { browser, url } = opened();
    const { page, complaints } = await openPage(browser, url);
    expect(await page.locator('h1').innerText()).toMatch(/^vultr-grpc \d/);
    expect(await page.locator('dl').innerText()).toContain('Anonymous, like everybody');
    await page.getByRole('link', { name: '/docs', exact: true }).click();
    await untilListed(page);
    expect(complaints).toEqual([]);
  });

  test('/docs finds an operation, fills it in, sends it and shows the reply', async () => {
    const { browser, url } = opened();
    const { page, complaints } = await openPage(browser, `${url}/docs`);
    await untilListed(page);
    await page.keyboard.press('/');
    await page.keyboard.type('get listregions /api');
    expect(await page.locator('#found').innerText()).toMatch(/^1 of 584/);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('.execute').waitFor();
    await page.locator('tr[data-param-name=per_page] input').fill('2');
    const { status, body, curl } = await execute(page);
    expect(status).toMatch(/^200/);
    expect(JSON.parse(body).data.value.regions).toHaveLength(2);
    expect(curl).toContain(`${url}/api/regions?per_page=2`);
    expect(complaints).toEqual([]);
  });

  test('/docs keeps the key in the memory of the tab, and does not show it', async () => {
    const { browser, url, sandbox } = opened();
    const { page, complaints } = await openPage(browser, `${url}/docs`);
    await page.locator('#key input').fill(KEY);
    await page.locator('#key button').click();
    await choose(page, 'CloudService_CreateInstance');
    const { status, body, curl } = await execute(page);
    expect(status).toMatch(/^200/);
    expect(JSON.parse(body).data.value.instance.region).toBe('ams');
    expect(
      sandbox.requests.list().some(({ method, path }) => method === 'POST' && path === '/v2/instances'),
    ).toBe(true);
    expect(curl).toContain('Authorization: Bearer $VULTR_API_KEY');
    expect(await page.locator('body').innerText()).not.toContain(KEY);
    expect(page.url()).not.toContain(KEY);
    const kept = await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])');
    expect(kept).toBe('[{},{},""]');
    await page.reload();
    await untilListed(page);
    expect(await page.locator('#key input').inputValue()).toBe('');
    expect(complaints).toEqual([]);
  });

  test('/docs reads a stream for a while, and shows what has come', async () => {
    const { browser, url } = opened();
    const { page } = await openPage(browser, `${url}/docs`);
    await page.locator('#key input').fill(KEY);
    await page.locator('#key button').click();
    await choose(page, 'CloudService_WatchInstance');
    const list = await sendHttp(new URL(url).host, 'GET', '/v2/instances', undefined, {
      authorization: `Bearer ${KEY}`,
    });
    await page.locator('tr[data-param-name=instance_id] input').fill(JSON.parse(list.text).instances[0].id);
    const { status, body } = await execute(page);
    expect(status).toMatch(/^200/);
    expect(body).toContain('"instance"');
  });

  test('/status changes by itself while calls come in', async () => {
    const { browser, url } = opened();
    const { page, complaints } = await openPage(browser, `${url}/status`);
    await page.locator('#figures[data-at]').waitFor();
    const row = page.locator('tr', { hasText: 'vultr.v2.PlansService/ListPlans' }).first();
    expect(await row.count()).toBe(0);
    const host = new URL(url).host;
    for (let count = 0; count < 20; count += 1)
      await sendHttp(host, 'GET', `/v2/plans?per_page=${count + 1}`);
    await row.waitFor();
    await row.locator('td:nth-child(2)', { hasText: /^20$/ }).waitFor();
    await sendHttp(host, 'GET', '/api/nothing', undefined, { 'x-request-id': 'found-on-the-page' });
    await page.getByText('found-on-the-page').waitFor();
    expect(await page.locator('.chart-line').count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  test('/status is a table without JavaScript', async () => {
    const { browser, url } = opened();
    await sendHttp(new URL(url).host, 'GET', '/v2/regions');
    const { page } = await openPage(browser, `${url}/status`, { javaScriptEnabled: false });
    expect(await page.locator('table').first().innerText()).toContain('vultr.v2.RegionsService/ListRegions');
    expect(await page.locator('svg').count()).toBe(2);
  });

  test('a mistyped address leads to the right one', async () => {
    const { browser, url } = opened();
    const { page } = await openPage(browser, `${url}/api/regoins`);
    expect(await page.locator('main').innerText()).toContain('Did you mean /api/regions?');
    await page.getByRole('link', { name: '/api/regions' }).click();
    expect(await page.locator('body').innerText()).toContain('"regions"');
  });

  describe.each(['light', 'dark'] as const)('%s', (colorScheme) => {
    test.each(PLACES)(
      '$name has no barrier, on a screen and on a phone',
      async ({ path, prepare }) => {
        const { browser, url } = opened();
        for (const size of [{}, PHONE]) {
          const { page } = await openPage(browser, url + path, { colorScheme, ...size });
          await prepare?.(page);
          expect(await findBarriers(page)).toEqual([]);
          await expectToFit(page);
        }
      },
      PATIENCE_MS,
    );
  });
});

inBrowser('in a browser, with a callers file', () => {
  const opened = openForFile(async () => ({ browser: await startBrowser() }));

  test('/docs and /status ask for a key, and show what its caller may see', async () => {
    const { file, key } = writeCallersFile(temporaryFolder(), KEY, [
      'service:docs',
      'service:status',
      'effect:read',
    ]);
    const { app } = await startOnSandbox({ ...HTTP, callersFile: file });
    const url = `http://${app.httpAddress}`;
    const { page } = await openPage(opened().browser, `${url}/status`);
    expect(await page.locator('table').count()).toBe(0);
    const give = async (text: string): Promise<void> => {
      await page.locator('#key input').fill(text);
      await page.locator('#key button').click();
    };
    await give('vg_nobodys-key');
    await page.locator('#live', { hasText: /\S/ }).waitFor();
    expect(await page.locator('table').count()).toBe(0);
    await give(key);
    await page.locator('#figures[data-at]').waitFor();
    expect(await findBarriers(page)).toEqual([]);

    await page.goto(`${url}/docs`);
    await page.getByRole('alert').waitFor();
    await give(key);
    await choose(page, 'CloudService_ListInstances');
    expect((await execute(page)).status).toMatch(/^200/);
  });
});
