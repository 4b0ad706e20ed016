/**
 * The page of all operations. It reads /openapi.json, lists and searches the operations by itself, and has Swagger UI show the
 * one that was chosen: of a part of the document that holds nothing else, since the whole of it takes Swagger UI many seconds.
 */
const byId = (id) => document.getElementById(id);
const [form, keyState, find, found, list, pane] = [
  'key',
  'key-state',
  'find',
  'found',
  'operations',
  'operation',
].map(byId);
/** How long and how much of a stream is read before it is shown. */
const STREAM = { ms: 5_000, characters: 65_536 };
const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'options', 'head'];
let key = '';
let contract;
let operations = new Map();

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
};

followColorScheme();
form.addEventListener('submit', (event) => {
  event.preventDefault();
  key = new FormData(form).get('key').trim();
  keyState.textContent =
    key === '' ? 'No key is sent.' : 'The key is sent with what you try, until this tab is closed.';
  if (contract === undefined) load();
});
find.addEventListener('input', search);
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, textarea, select')) return;
  event.preventDefault();
  find.focus();
});
window.addEventListener('hashchange', show);
load();

/** Swagger UI is dark when the page's root says so. */
function followColorScheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  dark.addEventListener('change', follow);
  follow();
}

async function load() {
  try {
    const response = await fetch('/openapi.json', { headers: credentials() });
    if (!response.ok) {
      const { message = '' } = await response.json().catch(() => ({}));
      tell(
        response.status === 401 ? `${message} Give the key of a caller that may see service:docs.` : message,
      );
      return;
    }
    contract = await response.json();
  } catch {
    tell('The service does not respond. Load the page again to try once more.');
    return;
  }
  operations = new Map(listOperations().map((operation) => [operation.id, operation]));
  fillList();
  search();
  show();
}

function credentials() {
  return key === '' ? {} : { authorization: `Bearer ${key}` };
}

function tell(text) {
  pane.replaceChildren(element('p', { class: 'notice fault', role: 'alert' }, text));
}

function listOperations() {
  return Object.entries(contract.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method] !== undefined).map((method) => {
      const definition = item[method];
      const [tag = ''] = definition.tags ?? [];
      const { operationId: id, summary = '', deprecated = false } = definition;
      const effect = definition['x-vultr-effect'] ?? '';
      const text = [method, path, summary, tag, id, effect].join(' ').toLowerCase();
      return {
        id,
        path,
        method,
        tag,
        summary,
        effect,
        deprecated,
        definition,
        text,
        shared: item.parameters,
      };
    }),
  );
}

function fillList() {
  const tags = Map.groupBy(operations.values(), ({ tag }) => tag);
  list.replaceChildren(
    ...[...tags].map(([tag, all]) => {
      const count = element('span', { class: 'soft' }, String(all.length));
      const items = all.map((operation) => {
        operation.item = element('li', {}, operationLink(operation));
        return operation.item;
      });
      return element('details', {}, element('summary', {}, tag, ' ', count), element('ul', {}, ...items));
    }),
  );
}

function operationLink({ id, method, path, summary }) {
  const label = element('span', { class: `method ${method}` }, method.toUpperCase());
  return element(
    'a',
    { href: `#${id}`, title: summary },
    label,
    ' ',
    element('span', { class: 'what' }, element('span', {}, summary), element('small', {}, path)),
  );
}

function search() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { item, text } of operations.values()) {
    item.hidden = !words.every((word) => text.includes(word));
    if (!item.hidden) count += 1;
  }
  for (const group of list.children) {
    group.hidden = group.querySelector('li:not([hidden])') === null;
    group.open = words.length > 0 ? !group.hidden : group.querySelector('[aria-current]') !== null;
  }
  found.textContent =
    words.length === 0 ? `${operations.size} operations` : `${count} of ${operations.size} operations`;
}

/** Shows the operation that the address names, or what there is. */
function show() {
  if (contract === undefined) return;
  const operation = operations.get(decodeURIComponent(location.hash.slice(1)));
  for (const link of list.querySelectorAll('[aria-current]')) link.removeAttribute('aria-current');
  document.title = `${operation?.summary ?? 'Operations'} · vultr-grpc`;
  if (operation === undefined) {
    showOverview();
    return;
  }
  const link = operation.item.firstChild;
  link.setAttribute('aria-current', 'page');
  link.closest('details').open = true;
  link.scrollIntoView({ block: 'nearest' });
  showOperation(operation);
  pane.focus({ preventScroll: true });
  if (pane.getBoundingClientRect().top < 0 || matchMedia('(max-width: 56rem)').matches)
    pane.scrollIntoView({ block: 'start' });
}

function showOverview() {
  const paragraphs = contract.info.description
    .split('\n\n')
    .map((text) => element('p', {}, ...withCode(text)));
  const hint = element('p', { class: 'soft' }, 'Choose an operation to read about it and to try it.');
  pane.replaceChildren(element('h2', {}, contract.info.summary), hint, ...paragraphs);
}

/** Text with its `code` as elements. */
function withCode(text) {
  return text.split('`').map((part, index) => (index % 2 === 0 ? part : element('code', {}, part)));
}

function showOperation(operation) {
  const { definition, effect, method, path, summary } = operation;
  const isGrave = effect === 'DESTROY' || effect === 'CREATE';
  const badge = element('span', { class: isGrave ? 'badge bad' : 'badge' }, effect);
  const rpc = element('code', {}, definition['x-grpc-method'] ?? '');
  const room = element('div', { class: 'swagger' });
  makeAccessible(room);
  pane.replaceChildren(
    element('h2', {}, summary),
    element(
      'p',
      { class: 'small soft' },
      badge,
      ' ',
      element('code', {}, `${method.toUpperCase()} ${path}`),
      ' · gRPC ',
      rpc,
    ),
    room,
  );
  SwaggerUIBundle({
    domNode: room,
    spec: partOf(operation),
    docExpansion: 'full',
    defaultModelsExpandDepth: -1,
    defaultModelExpandDepth: 2,
    tryItOutEnabled: true,
    persistAuthorization: false,
    validatorUrl: null,
    syntaxHighlight: { activated: false },
    requestInterceptor: prepare,
  });
}

/** Swagger UI leaves some controls without a name, and code that scrolls out of reach of the keyboard. */
function makeAccessible(room) {
  const mend = () => {
    for (const control of room.querySelectorAll('textarea, select, input')) {
      if (control.labels?.length > 0 || control.hasAttribute('aria-label')) continue;
      const name = control.closest('tr')?.dataset.paramName ?? control.getAttribute('placeholder') ?? '';
      control.setAttribute(
        'aria-label',
        name || (control.matches('.body-param__text') ? 'Request body' : 'Value'),
      );
    }
    // The page has a main part already.
    room.querySelector('main')?.setAttribute('role', 'group');
    for (const code of room.querySelectorAll('pre:not([tabindex])')) code.setAttribute('tabindex', '0');
  };
  new MutationObserver(mend).observe(room, { childList: true, subtree: true });
}

/** The document of one operation, with what it refers to. */
function partOf({ path, method, definition, shared = [] }) {
  const { security: _, ...operation } = structuredClone(definition);
  operation.parameters = [...shared, ...(operation.parameters ?? [])].map((parameter) => {
    // Swagger UI sends examples unless they are removed, which for a filter is a surprise.
    const { example, examples, ...plain } = parameter;
    return parameter.required || parameter.in === 'path' ? parameter : plain;
  });
  const components = {};
  collect(operation, components);
  const { openapi, info, servers } = contract;
  return {
    openapi,
    info: { title: info.title, version: info.version },
    servers,
    paths: { [path]: { [method]: operation } },
    components,
  };
}

function collect(value, components) {
  if (typeof value !== 'object' || value === null) return;
  const [, kind, name] = /^#\/components\/(\w+)\/(.+)$/.exec(value.$ref ?? '') ?? [];
  if (kind !== undefined && components[kind]?.[name] === undefined) {
    const target = contract.components[kind][name];
    components[kind] = { ...components[kind], [name]: target };
    collect(target, components);
  }
  for (const member of Object.values(value)) collect(member, components);
}

/** The key goes into the request and not into the curl command, which is there to be copied and looked at. */
function prepare(request) {
  if (key !== '') request.curlOptions = ['-H "Authorization: Bearer $VULTR_API_KEY"'];
  request.userFetch = async (url, options) => {
    const stop = new AbortController();
    const headers = { ...options.headers, ...credentials() };
    return await endOf(await fetch(url, { ...options, headers, signal: stop.signal }), stop);
  };
  return request;
}

/** A response; of a stream, which may have no end, what comes within a while. */
async function endOf(response, stop) {
  const type = response.headers.get('content-type') ?? '';
  if (!/event-stream|ndjson/.test(type)) return response;
  const timer = setTimeout(() => stop.abort(), STREAM.ms);
  let text = '';
  try {
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.length > STREAM.characters) break;
    }
  } catch {
    text += '\n(The stream goes on; this page has stopped reading it.)';
  }
  clearTimeout(timer);
  stop.abort();
  return new Response(text, { status: response.status, headers: { 'content-type': 'text/plain' } });
}
