const KEYWORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'inf', 'nan']);

/** What a query asks for: the names of metrics, and the labels of each selector. */
export interface Asked {
  readonly names: readonly string[];
  readonly labels: readonly { readonly metric: string; readonly label: string }[];
}

/** Reads a query of Prometheus as far as names and labels go. */
export function readQuery(query: string): Asked {
  const bare = query.replace(/"(?:[^"\\]|\\.)*"/g, '""');
  const labels = [...bare.matchAll(/([a-zA-Z_:][\w:]*)\{([^}]*)\}/g)].flatMap(([, metric = '', inner = '']) =>
    [...inner.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => ({ metric, label })),
  );
  const flat = bare
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '');
  const names = [...flat.matchAll(/(?<![\w.])([a-zA-Z_:][\w:]*)\b(?!\s*\()/g)]
    .map(([, name = '']) => name)
    .filter((name) => !KEYWORDS.has(name));
  return { names: [...new Set(names)], labels };
}

/** What a text of metrics exposes. */
export interface Exposed {
  /** All names that can be asked for, those of histograms included. */
  readonly names: ReadonlySet<string>;
  /** The labels of the names that have samples. */
  readonly labels: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Reads a text of metrics in the format of Prometheus. */
export function readMetrics(text: string): Exposed {
  const names = new Set<string>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    if (type === 'histogram') for (const suffix of ['_bucket', '_sum', '_count']) names.add(name + suffix);
    else names.add(name);
  }
  const labels = new Map<string, Set<string>>();
  for (const [, name = '', inner = ''] of text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)) {
    const known = labels.get(name) ?? new Set();
    for (const [, label = ''] of inner.matchAll(/(\w+)="/g)) known.add(label);
    labels.set(name, known);
  }
  return { names, labels };
}
