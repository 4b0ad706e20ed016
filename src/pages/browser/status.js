/**
 * Keeps the figures of /status up to date: it reads a stream of server-sent events, each of them the figures as HTML, and
 * changes in the page only what has changed, so that focus, selection and scroll positions stay. It reads with fetch
 * because an EventSource cannot send a key.
 */
const live = document.getElementById('live');
const figures = document.getElementById('figures');
const form = document.getElementById('key');
const RECONNECT_MS = 2_000;
let key = '';

form?.addEventListener('submit', (event) => {
  event.preventDefault();
  key = new FormData(form).get('key').trim();
  follow();
});
if (form === null) void follow();

async function follow() {
  const headers = { accept: 'text/event-stream', ...(key !== '' && { authorization: `Bearer ${key}` }) };
  try {
    const response = await fetch('/status?view=figures', { headers, cache: 'no-store' });
    if (!response.ok) return refused(response);
    for await (const data of events(response.body)) show(data);
    setTimeout(follow, 0);
  } catch {
    tell('The service does not respond; trying again.');
    setTimeout(follow, RECONNECT_MS);
  }
}

async function refused(response) {
  const { message = '' } = await response.json().catch(() => ({}));
  tell(message);
  if (response.status === 503) setTimeout(follow, RECONNECT_MS);
  else form?.removeAttribute('hidden');
}

/** The data of each event of a stream. */
async function* events(body) {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const lines = block.split('\n').filter((line) => line.startsWith('data: '));
      if (block.startsWith('event: ') || lines.length === 0) continue;
      yield lines.map((line) => line.slice('data: '.length)).join('\n');
    }
  }
}

function show(data) {
  const { html, at } = JSON.parse(data);
  const next = document.createElement('div');
  next.innerHTML = html;
  change(figures, next);
  figures.dataset.at = at;
  form?.setAttribute('hidden', '');
  document.querySelector('main > .notice')?.remove();
  tell(`Live, as of ${at.slice(11, 19)} UTC.`, true);
}

function tell(text, isQuiet = false) {
  // What changes every second is not read out.
  live.setAttribute('role', isQuiet ? 'none' : 'status');
  live.textContent = text;
}

/** Makes one element like another one, in place as far as both have the same structure. */
function change(current, next) {
  for (const { name, value } of next.attributes)
    if (current.getAttribute(name) !== value) current.setAttribute(name, value);
  const [before, after] = [[...current.childNodes], [...next.childNodes]];
  const isAlike =
    before.length === after.length && before.every((node, index) => node.nodeName === after[index].nodeName);
  if (!isAlike) {
    current.replaceChildren(...after);
    return;
  }
  before.forEach((node, index) => {
    if (node.nodeType === Node.ELEMENT_NODE) change(node, after[index]);
    else if (node.nodeValue !== after[index].nodeValue) node.nodeValue = after[index].nodeValue;
  });
}
