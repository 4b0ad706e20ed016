import { isDeepStrictEqual } from 'node:util';
import type { Reply, RequestOptions } from '../sandbox/client.ts';

/** What a request comes to, reduced to what matters. */
export type Observed =
  | string
  | number
  | boolean
  | null
  | readonly Observed[]
  | { readonly [name: string]: Observed };

/** A Vultr that is asked: the sandbox, or the real one. */
export interface Vultr {
  /** Sends a request such as `GET /v2/regions` and reads the response. */
  readonly send: (line: string, options?: RequestOptions) => Promise<Reply>;
  /** Asks again and again until a condition holds, and returns the response for which it does. The sandbox lives faster. */
  readonly until: (line: string, holds: (reply: Reply) => boolean) => Promise<Reply>;
}

/** Something that is believed of Vultr, and how to find out whether it is so. */
export interface Expectation {
  /** Such as `lists.default-page`. */
  readonly id: string;
  /** What is asked, in words that fit before a colon. */
  readonly what: string;
  readonly expected: Observed;
  /** Who says so: keys of SOURCES, or only `assumed`. */
  readonly sources: readonly SourceKey[];
  /** Default: it only reads. `change`: it makes, changes or deletes something, or asks for it and must be refused. */
  readonly effect?: 'read' | 'change';
  /** What it costs at the real Vultr at most, in US dollars. Default 0. */
  readonly costs?: number;
  readonly observe: (vultr: Vultr) => Promise<Observed>;
}

/** Where what is known of Vultr comes from. */
export const SOURCES = {
  documents: "Vultr's OpenAPI documents, editions of 2024, 2025 and 2026",
  guides: 'the guides on docs.vultr.com, 2025 and 2026',
  govultr: 'govultr, the official Go client, 3.32 to 3.34: its types and the payloads of its tests',
  terraform: 'the official Terraform provider 2.32: what it waits for and which texts it looks for',
  tools:
    "Vultr's other tools: vultr-cli, the Ansible collection, the CSI driver, the cloud controller manager",
  catalogue: 'responses of the catalogue that were published in August 2025',
  probes: 'requests to the real API that third parties have published, July 2026',
  recordings:
    "HTTP exchanges recorded in the tests of lexicon (2021) and a response kept in VictoriaMetrics' tests (2024)",
  issues: 'issues and incident reports in public repositories, up to August 2026',
  assumed: 'nobody says; the sandbox does what seems likely',
} as const;

export type SourceKey = keyof typeof SOURCES;

/** How an expectation came out. */
export interface Outcome {
  readonly expectation: Expectation;
  readonly observed: Observed;
  readonly isMet: boolean;
}

/** Finds out whether an expectation is met. What goes wrong on the way is an observation, too. */
export async function check(expectation: Expectation, vultr: Vultr): Promise<Outcome> {
  const observed = await expectation
    .observe(vultr)
    .catch((error: unknown) => `failed: ${error instanceof Error ? error.message : String(error)}`);
  return { expectation, observed, isMet: isDeepStrictEqual(observed, expectation.expected) };
}

/** The row of an expectation in docs/sandbox-sources.md, with what is expected or was observed. */
export function toRow({ id, what, sources }: Expectation, value: Observed): string {
  const code = `\`${JSON.stringify(value).replaceAll('|', '\\|')}\``;
  return `| ${id} | ${what} | ${code} | ${sources.join(', ')} |`;
}
