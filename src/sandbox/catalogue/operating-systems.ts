import type { JsonObject } from '../engine/json.ts';

/** Family, then `id name` separated by commas; the names as of August 2025. */
const FAMILIES: Record<string, string> = {
  iso: '159 Custom',
  snapshot: '164 Snapshot',
  backup: '180 Backup',
  application: '186 Application',
  windows:
    '240 Windows 2016 Standard x64,371 Windows 2019 Standard x64,501 Windows 2022 Standard x64,521 Windows Core 2022 Standard x64,522 Windows Core 2016 Standard x64,523 Windows Core 2019 Standard x64,1761 Windows Core 2019 Datacenter x64,1762 Windows Core 2022 Datacenter x64,1764 Windows 2019 Datacenter x64,1765 Windows 2022 Datacenter x64,2514 Windows 2025 Standard x64,2515 Windows 2025 Datacenter x64,2516 Windows Core 2025 Standard x64,2517 Windows Core 2025 Datacenter x64',
  'fedora-coreos': '391 Fedora CoreOS Stable,424 Fedora CoreOS Next,425 Fedora CoreOS Testing',
  flatcar:
    '2075 Flatcar Container Linux LTS x64,2077 Flatcar Container Linux Stable x64,2078 Flatcar Container Linux Beta x64,2079 Flatcar Container Linux Alpha x64',
  freebsd: '447 FreeBSD 13 x64,2212 FreeBSD 14 x64',
  rockylinux: '448 Rocky Linux x64,1869 Rocky Linux 9 x64,2594 Rocky Linux 10 x64',
  almalinux: '452 AlmaLinux x64,1868 AlmaLinux 9 x64,2593 AlmaLinux 10 x64',
  debian: '477 Debian 11 x64 (bullseye),2136 Debian 12 x64 (bookworm)',
  ubuntu: '1743 Ubuntu 22.04 LTS x64,2284 Ubuntu 24.04 LTS x64,2571 Ubuntu 25.04 x64',
  centos: '542 CentOS 9 Stream x64,2467 CentOS 10 Stream x64',
  openbsd: '2464 OpenBSD 7.6 x64,2573 OpenBSD 7.7 x64',
  fedora: '2466 Fedora 41 x64,2572 Fedora 42 x64',
  archlinux: '535 Arch Linux x64',
  alpinelinux: '2076 Alpine Linux x64',
  opensuse: '2157 openSUSE Leap 15 x64',
};

/** These are no longer in the catalogue, but older documentation creates machines from them. The names are guesses. */
const RETIRED: Record<string, string> = {
  windows: '124 Windows 2012 R2 Standard x64',
  ubuntu: '1797 Ubuntu 21.10 x64',
};

/** The ids that stand for other sources: a custom ISO, a snapshot, a backup, an application. */
export const OS_ID = { custom: 159, snapshot: 164, backup: 180, application: 186 } as const;

/** Every operating system, by id. */
export const operatingSystems: readonly JsonObject[] = [
  ...Object.entries(FAMILIES),
  ...Object.entries(RETIRED),
]
  .flatMap(([family, list]) => list.split(',').map((line) => operatingSystem(family, line)))
  .sort((one, other) => Number(one['id']) - Number(other['id']));

/** The operating system of that id, or undefined. */
export function findOs(id: unknown): JsonObject | undefined {
  return operatingSystems.find((os) => os['id'] === Number(id));
}

function operatingSystem(family: string, line: string): JsonObject {
  const [id = '', ...words] = line.split(' ');
  return { id: Number(id), name: words.join(' '), arch: 'x64', family };
}
