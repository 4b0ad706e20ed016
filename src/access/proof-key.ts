import type { ClaimSpec, ProofSpec } from './model.ts';

/** A key that two proofs share when the same things prove both. */
export function proofKey(proof: ProofSpec): string {
  switch (proof.kind) {
    case 'token':
      return `token ${proof.sha256}`;
    case 'jwt':
      return `jwt ${JSON.stringify([proof.issuer, proof.subject?.text ?? null, claimKey(proof.claims)])}`;
    case 'own_key':
      return 'own_key';
    default:
      return `${proof.kind} ${proof.name.text}`;
  }
}

function claimKey(claims: ClaimSpec): unknown {
  return [...claims]
    .map(([name, value]) => [name, value instanceof Map ? claimKey(value) : 'text' in value && value.text])
    .toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1));
}
