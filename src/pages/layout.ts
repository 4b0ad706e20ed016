import { createHash } from 'node:crypto';
import { STYLE } from './style.ts';

/** A page, as far as pages differ. */
export interface Page {
  readonly title: string;
  /** The path of the page in the navigation; undefined: it is not there. */
  readonly current?: string;
  /** Whether it is for reading, in a narrow column. */
  readonly isNarrow?: boolean;
  /** What is in `main`, as HTML. */
  readonly content: string;
  /** The path of the page's own script, a module; it runs after the library. */
  readonly script?: string;
  /** The path of a library that it needs. */
  readonly library?: string;
  /** The paths of further style sheets. */
  readonly styles?: readonly string[];
}

const NAVIGATION = [
  ['/', 'Home'],
  ['/docs', 'Docs'],
  ['/status', 'Status'],
] as const;

/** A page loads nothing from elsewhere, runs nothing that stands inside of it, and nobody may frame it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  `style-src 'self' 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** The headers of every page. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': POLICY.join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  vary: 'Accept',
};

/** The media type of pages. */
export const HTML = 'text/html; charset=utf-8';

/** Writes a page. */
export function renderPage({
  title,
  current,
  isNarrow = false,
  content,
  script,
  library,
  styles = [],
}: Page): string {
  const links = NAVIGATION.map(
    ([path, text]) => `<a href="${path}"${path === current ? ' aria-current="page"' : ''}>${text}</a>`,
  );
  const head = [
    ...styles.map((path) => `<link rel="stylesheet" href="${path}">`),
    ...(library === undefined ? [] : [`<script src="${library}" defer></script>`]),
    ...(script === undefined ? [] : [`<script src="${script}" type="module"></script>`]),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
${head.join('\n')}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="bar"><div><a class="name" href="/">vultr-grpc</a><nav aria-label="Pages">${links.join('')}</nav></div></header>
<main id="main" tabindex="-1"${isNarrow ? ' class="narrow"' : ''}>
${content}
</main>
</body>
</html>
`;
}

/** Text as HTML. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
