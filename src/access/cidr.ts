import { BlockList, isIP } from 'node:net';
import type { Cidr } from './model.ts';

/**
 * Reads a block of addresses such as `10.0.0.0/8`; an address alone is a block of one.
 * @returns what is wrong with it, as a sentence
 */
export function parseCidr(text: string): Cidr | string {
  const [address = '', prefixText, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || address.includes('%') || rest.length > 0)
    return 'it must look like 10.0.0.0/8 or fd00::/8.';
  const bits = version === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefixText !== undefined && (!/^\d{1,3}$/.test(prefixText) || prefix > bits))
    return `its prefix must be a number from 0 to ${bits}.`;
  const cidr: Cidr = { text, address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
  if (cidr.family === 'ipv4' && hostBits(address, prefix))
    return `bits behind the prefix are set. Write the first address of the block.`;
  return cidr;
}

/** Whether bits behind the prefix of an IPv4 address are set, which is usually a mistake: 10.1.2.3/8. */
function hostBits(address: string, prefix: number): boolean {
  const value = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  return value % 2 ** (32 - prefix) !== 0;
}

/** Makes the test whether an address is in one of the blocks. IPv4 in its IPv6 form counts as IPv4. */
export function createAddressMatcher(blocks: readonly Cidr[]): (address: string) => boolean {
  const list = new BlockList();
  for (const { address, prefix, family } of blocks) list.addSubnet(address, prefix, family);
  return (address) => {
    const bare = address.replace(/%.*$/, '');
    const version = isIP(bare);
    return version !== 0 && list.check(bare, version === 4 ? 'ipv4' : 'ipv6');
  };
}
