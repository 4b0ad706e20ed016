import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCallersFile } from '../../src/access/callers-file.ts';
import type { AccessModel } from '../../src/access/model.ts';
import { loadContract } from '../../src/contract/load.ts';
import type { Operation } from '../../src/contract/operation.ts';

const contract = loadContract(readFileSync(new URL('../../src/gen/contract.binpb', import.meta.url)));

/** Every operation of the contract. */
export const OPERATIONS: readonly Operation[] = [...contract.operations.values()];

/** An operation of the contract. */
export function operationOf(name: string): Operation {
  const operation = contract.operations.get(name);
  if (operation === undefined) throw new Error(`The contract has no ${name}.`);
  return operation;
}

/** The files and variables that callers files of tests name. */
export interface TestSources {
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Parses a callers file against the contract. */
export async function parseCallers(source: string | Uint8Array, { files = {}, env = {} }: TestSources = {}) {
  return await parseCallersFile(typeof source === 'string' ? Buffer.from(source) : source, {
    operations: OPERATIONS,
    env,
    readFile: async (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
      return Buffer.from(text);
    },
  });
}

/** The model of a callers file without mistakes. */
export async function modelOf(source: string, sources?: TestSources): Promise<AccessModel> {
  const parsed = await parseCallers(source, sources);
  if (parsed.kind === 'ok') return parsed.model;
  throw new Error(
    parsed.mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`).join('\n'),
  );
}

/** A certificate and its key, as files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateSpec {
  readonly subject: string;
  /** As openssl writes it: `URI:spiffe://...,DNS:a.example`. */
  readonly altNames?: string;
  /** How long it is good for; negative: it has expired. */
  readonly days?: number;
}

/** A certificate authority of a test's own. */
export interface TestCa extends CertificateFiles {
  issue(name: string, spec: CertificateSpec): CertificateFiles;
  /** A list of what was taken back. */
  revoke(name: string, certificate: CertificateFiles): string;
}

/** Makes a certificate authority with the openssl of this machine. */
export function createCa(folder: string, name = 'ca'): TestCa {
  const file = (suffix: string): string => join(folder, suffix);
  const openssl = (...args: string[]): void =>
    void execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const [cert, key] = [file(`${name}.pem`), file(`${name}.key`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...curve, '-keyout', key, '-out', cert, '-subj', `/CN=${name}`, '-days', '2');
  return {
    cert,
    key,
    issue: (leaf, { subject, altNames, days = 1 }) => {
      const files = { cert: file(`${leaf}.pem`), key: file(`${leaf}.key`) };
      const request = file(`${leaf}.csr`);
      openssl('req', '-new', ...curve, '-keyout', files.key, '-out', request, '-subj', subject);
      const extensions = file(`${leaf}.ext`);
      writeFileSync(extensions, altNames === undefined ? '' : `subjectAltName=${altNames}`);
      const signed = [
        '-req',
        '-in',
        request,
        '-CA',
        cert,
        '-CAkey',
        key,
        '-CAcreateserial',
        '-extfile',
        extensions,
      ];
      openssl('x509', ...signed, '-days', String(days), '-out', files.cert);
      return files;
    },
    revoke: (list, certificate) => {
      const config = file('revoke.cnf');
      writeFileSync(file('index.txt'), '');
      writeFileSync(file('crlnumber'), '01\n');
      writeFileSync(
        config,
        '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=1\n',
      );
      const own = ['ca', '-config', config, '-cert', cert, '-keyfile', key];
      openssl(...own, '-revoke', certificate.cert);
      openssl(...own, '-gencrl', '-out', file(list));
      return file(list);
    },
  };
}
