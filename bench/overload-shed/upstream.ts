/** A Vultr that takes 100 ms and sends a list of 100 instances. Started as a process of its own; tells its address. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const LATENCY_MS = 100;
const INSTANCES = 100;

const instance = (index: number) => ({
  id: `cb676a46-66fd-4dfb-b839-${String(index).padStart(12, '0')}`,
  os: 'CentOS SELinux 8 x64',
  ram: 2048,
  disk: 55,
  main_ip: '192.0.2.123',
  vcpu_count: 1,
  region: 'atl',
  plan: 'vc2-6c-16gb',
  date_created: '2020-10-10T01:56:20+00:00',
  status: 'active',
  allowed_bandwidth: 2000,
  netmask_v4: '255.255.252.0',
  gateway_v4: '192.0.2.1',
  power_status: 'running',
  server_status: 'ok',
  v6_networks: [{ network: '2001:0db8::', main_ip: '2001:0db8::100', network_size: 64 }],
  label: `Example Instance ${index}`,
  internal_ip: '',
  kvm: 'https://my.vultr.com/subs/vps/novnc/api.php?data=00example11223344',
  hostname: 'my_hostname',
  os_id: 215,
  app_id: 0,
  image_id: '',
  firewall_group_id: '',
  features: ['auto_backups', 'ipv6'],
  tags: ['a', 'b'],
});
const body = Buffer.from(
  JSON.stringify({
    instances: Array.from({ length: INSTANCES }, (_, index) => instance(index)),
    meta: { total: INSTANCES, links: { next: '', prev: '' } },
  }),
);

const server = createServer((request, response) => {
  request.resume();
  setTimeout(() => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  }, LATENCY_MS);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
process.once('disconnect', () => process.exit());
