import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { readServeConfig } from '../../src/config/read.ts';
import type { Setting } from '../../src/config/setting.ts';
import { SERVE_SETTINGS, type ServeConfig } from '../../src/config/settings.ts';
import { kubernetesSchemas } from '../support/kubernetes-schemas.ts';
import { temporaryFolder } from '../support/stores.ts';
import { hasTool, neededTool } from '../support/tools.ts';

const CHART = 'deploy/helm/vultr-grpc';
const noHelm = neededTool('helm', 'go install helm.sh/helm/v3/cmd/helm@v3.19.0');

/** A helm that was built with Go does not know which Kubernetes is current. */
const KUBERNETES = ['--kube-version', '1.34.0'];

const SANDBOX = [
  '--set=upstream=sandbox,replicas=1,redis.secret=,callers.secret=,callers.allowAnonymous=true',
];
const REDIS = [
  '--set=redis.tlsSecret=redis-tls,redis.clientCertificate=true,redis.sentinels={a:26379,b:26379},redis.sentinelPasswordKey=sentinel',
];
const MUTUAL = ['--set=tls.clientAuth=required'];
const MONITORED = ['--set=serviceMonitor.enabled=true,image.digest=sha256:'.concat('a'.repeat(64))];

/** The ways in which the chart is installed, by what they are called here. */
const INSTALLATIONS: Readonly<Record<string, readonly string[]>> = {
  'as it comes': [],
  'for Istio': ['--values', `${CHART}/values-istio.yaml`],
  'for Linkerd': ['--values', `${CHART}/values-linkerd.yaml`],
  'with callers’ certificates': MUTUAL,
  'with Redis by TLS and Sentinel': REDIS,
  'with a claim instead of Redis': ['--set=replicas=1,redis.secret=,state.claim=records'],
  'on the sandbox, for everybody': [...SANDBOX, '--set=tls.secret=,tls.plaintext=true'],
  'with a key for all': ['--set=callers.secret=,callers.allowAnonymous=true,apiKey.secret=key'],
  'watched by Prometheus': MONITORED,
  'with settings': ['--set=settings.CACHE_FRESH=1m,settings.WATCH_MAX=100'],
};

function helm(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('helm', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr + stdout);
  return stdout;
}

const render = (args: readonly string[]): string =>
  helm('template', 'test', CHART, '--namespace', 'vultr', ...KUBERNETES, ...args);

interface Named {
  readonly name: string;
}

interface Container {
  readonly image: string;
  readonly ports: readonly (Named & { readonly containerPort: number })[];
  readonly env: readonly (Named & { readonly value?: string; readonly valueFrom?: object })[];
  readonly securityContext: object;
  readonly volumeMounts?: readonly (Named & { readonly mountPath: string })[];
  readonly startupProbe: object;
  readonly readinessProbe: object;
  readonly livenessProbe: object;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: Named & { readonly namespace?: string; readonly labels: Labels };
  readonly spec: {
    readonly replicas?: number;
    readonly selector?: Labels & { readonly matchLabels?: Labels };
    readonly podSelector?: { readonly matchLabels?: Labels };
    readonly ports?: readonly {
      readonly name: string;
      readonly port: number;
      readonly appProtocol: string;
    }[];
    readonly template?: {
      readonly metadata: { readonly labels: Labels; readonly annotations?: Labels };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly automountServiceAccountToken: boolean;
        readonly securityContext: object;
        readonly volumes?: readonly Named[] | null;
        readonly containers: readonly Container[];
      };
    };
  };
}

type Labels = Readonly<Record<string, string>>;

function manifestsOf(args: readonly string[]): ReadonlyMap<string, Manifest> {
  const all = parseAllDocuments(render(args)).map((document) => document.toJS() as Manifest);
  return new Map(all.map((manifest) => [manifest.kind, manifest]));
}

function podOf(manifests: ReadonlyMap<string, Manifest>) {
  const template = manifests.get('Deployment')?.spec.template;
  const container = template?.spec.containers[0];
  if (template === undefined || container === undefined) throw new Error('There is no pod.');
  return { labels: template.metadata.labels, spec: template.spec, container };
}

const NO_POD: ReturnType<typeof podOf> = {
  labels: {},
  spec: {
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: true,
    securityContext: {},
    containers: [],
  },
  container: {
    image: '',
    ports: [],
    env: [],
    securityContext: {},
    startupProbe: {},
    readinessProbe: {},
    livenessProbe: {},
  },
};

/** The settings that the pod starts with; values of Secrets are made up. */
function configOf({ env }: Container): ServeConfig {
  const secrets: Labels = {
    REDIS_URL: 'rediss://:p@redis',
    REDIS_SENTINEL_PASSWORD: 'p',
    VULTR_API_KEY: 'KEY',
  };
  const image = /^ENV (.*)$/m.exec(readFileSync('deploy/Containerfile', 'utf8'))?.[1] ?? '';
  const ofImage = image.split(' ').map((pair) => pair.split('=') as [string, string]);
  const ofPod = env.map(({ name, value }) => [name, value ?? secrets[name]] as const);
  return readServeConfig([], Object.fromEntries([...ofImage, ...ofPod]));
}

describe.skipIf(noHelm !== '')(`the chart${noHelm}`, () => {
  test('is one that helm has nothing to say against', () => {
    expect(helm('lint', CHART, '--strict', ...KUBERNETES)).toContain('0 chart(s) failed');
  });

  test('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const chart = readFileSync(`${CHART}/Chart.yaml`, 'utf8');
    expect(chart).toContain(`\nversion: ${version}\n`);
    expect(chart).toContain(`\nappVersion: ${version}\n`);
  });

  describe.each(Object.entries(INSTALLATIONS))('%s', (_, args) => {
    // The body of a describe runs even where it is skipped.
    const manifests = noHelm === '' ? manifestsOf(args) : new Map<string, Manifest>();
    const { labels, spec, container } = noHelm === '' ? podOf(manifests) : NO_POD;

    test('starts with settings that the service takes, on the ports that are named', () => {
      const config = configOf(container);
      const ports = container.ports.map(({ containerPort }) => containerPort);
      expect(ports).toEqual([config.grpcListen.port, config.httpListen?.port]);
      expect(manifests.get('Service')?.spec.ports?.map(({ port }) => port)).toEqual(ports);
      expect(config.replicas).toBe(manifests.get('Deployment')?.spec.replicas);
      const variables = new Set(Object.values<Setting<unknown>>(SERVE_SETTINGS).map(({ env }) => env));
      expect(container.env.filter(({ name }) => !variables.has(name))).toEqual([]);
    });

    test('gives the service the time to end that its settings promise', () => {
      const { drainDelayMs = 0, shutdownGraceMs } = configOf(container);
      expect(spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(drainDelayMs + shutdownGraceMs);
    });

    test('runs as nobody, on a root that is only read, without rights', () => {
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(spec.automountServiceAccountToken).toBe(false);
    });

    test('selects its own pods everywhere, and mounts what it has', () => {
      for (const { kind, spec: each, metadata } of manifests.values()) {
        const selector = each?.podSelector?.matchLabels ?? each?.selector?.matchLabels ?? each?.selector;
        // A ServiceMonitor selects the Service, which has the same labels.
        if (selector !== undefined) expect(labels, kind).toMatchObject(selector);
        expect(metadata.labels['app.kubernetes.io/instance'], kind).toBe('test');
      }
      const mounts = (container.volumeMounts ?? []).map(({ name }) => name);
      expect((spec.volumes ?? []).map(({ name }) => name)).toEqual(mounts);
      const files = container.env.flatMap(({ value }) => (value?.startsWith('/etc/') ? [value] : []));
      const paths = (container.volumeMounts ?? []).map(({ mountPath }) => `${mountPath}/`);
      expect(files.filter((file) => !paths.some((path) => file.startsWith(path)))).toEqual([]);
    });

    test('has secrets by reference only', () => {
      const secret = container.env.filter(({ name }) =>
        ['REDIS_URL', 'REDIS_SENTINEL_PASSWORD', 'VULTR_API_KEY'].includes(name),
      );
      for (const { value, valueFrom } of secret) {
        expect(value).toBeUndefined();
        expect(valueFrom).toHaveProperty('secretKeyRef');
      }
      expect(manifests.has('Secret')).toBe(false);
    });
  });

  const protocols = (args: readonly string[]) =>
    manifestsOf(args)
      .get('Service')
      ?.spec.ports?.map(({ appProtocol }) => appProtocol);
  const probes = (args: readonly string[]) => {
    const { startupProbe, readinessProbe, livenessProbe } = podOf(manifestsOf(args)).container;
    return [startupProbe, readinessProbe, livenessProbe].map((probe) =>
      Object.keys(probe).filter((key) => /grpc|httpGet|tcpSocket/.test(key)),
    );
  };

  test('speaks HTTP/2 in plain text to a mesh, which is told so, and is probed by gRPC', () => {
    for (const mesh of ['istio', 'linkerd']) {
      const args = ['--values', `${CHART}/values-${mesh}.yaml`];
      expect(protocols(args)).toEqual(['kubernetes.io/h2c', 'http']);
      expect(probes(args)).toEqual([['grpc'], ['grpc'], ['httpGet']]);
    }
  });

  test('is probed without gRPC where it does the TLS itself, which no kubelet can, and without a certificate', () => {
    expect(protocols([])).toEqual(['https', 'https']);
    expect(probes([])).toEqual([['httpGet'], ['httpGet'], ['httpGet']]);
    expect(probes(MUTUAL)).toEqual([['tcpSocket'], ['tcpSocket'], ['tcpSocket']]);
  });

  test('is never without a pod when nodes are drained or a version is rolled out', () => {
    const manifests = manifestsOf([]);
    expect(manifests.get('PodDisruptionBudget')?.spec).toMatchObject({ maxUnavailable: 1 });
    expect(manifests.get('Deployment')?.spec).toMatchObject({
      strategy: { rollingUpdate: { maxUnavailable: 0 } },
    });
    // A budget for one pod would keep its node from being drained.
    expect(manifestsOf(SANDBOX).has('PodDisruptionBudget')).toBe(false);
  });

  test('opens the ports of Redis and Sentinel in its network policy, and none that it does not need', () => {
    const egress = (args: readonly string[]) =>
      JSON.stringify(manifestsOf(args).get('NetworkPolicy')?.spec).match(/"port":\d+/g);
    expect(egress([])).toEqual(['"port":53', '"port":53', '"port":443', '"port":6379']);
    expect(egress(REDIS)).toContain('"port":26379');
    expect(egress(SANDBOX)).toEqual(['"port":53', '"port":53', '"port":443']);
  });

  test('is the job that the alerts ask for', () => {
    const manifests = manifestsOf(MONITORED);
    expect(manifests.get('ServiceMonitor')?.spec).toMatchObject({ jobLabel: 'app.kubernetes.io/name' });
    expect(manifests.get('Service')?.metadata.labels['app.kubernetes.io/name']).toBe('vultr-grpc');
  });

  test('is the image of a digest where there is one', () => {
    expect(podOf(manifestsOf(MONITORED)).container.image).toBe(`vultr-grpc@sha256:${'a'.repeat(64)}`);
  });

  test.each([
    ['replicas=2,redis.secret=', 'More than one replica needs redis.secret'],
    ['replicas=1,redis.secret=', 'The record of creates needs redis.secret, or state.claim'],
    ['callers.secret=', 'Set callers.secret, or callers.allowAnonymous: true'],
    ['tls.secret=', 'Set tls.secret, or tls.plaintext: true'],
    ['redis.clientCertificate=true', 'redis.clientCertificate needs redis.tlsSecret'],
    ['settings.REPLICAS=2', 'settings.REPLICAS is set by another value of the chart'],
    ['settings.REDIS_URL=redis://x', 'settings.REDIS_URL is a secret'],
    ['settings.cache=1m', "invalid propertyName 'cache'"],
    ['replica=2', "additional properties 'replica' not allowed"],
    ['replicas=0', 'minimum: got 0, want 1'],
    ['tls.clientAuth=on', 'clientAuth'],
    ['image.digest=latest', 'digest'],
  ])('is not rendered with %s', (values, message) => {
    expect(() => render([`--set=${values}`])).toThrow(message);
  });
});

const noKubeconform = neededTool(
  'kubeconform',
  'go install github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0',
);
const schemas = noHelm === '' && noKubeconform === '' ? kubernetesSchemas() : undefined;
const noSchemas = schemas === undefined ? ' (left out: no helm, kubeconform or schemas of Kubernetes)' : '';

test.skipIf(schemas === undefined || !hasTool('helm'))(
  `the manifests are what Kubernetes takes, with nothing that it does not know${noSchemas}`,
  () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'schemas'));
    for (const [kind, schema] of schemas ?? []) {
      writeFileSync(join(folder, 'schemas', `${kind.toLowerCase()}.json`), JSON.stringify(schema));
    }
    Object.entries(INSTALLATIONS).forEach(([, args], index) => {
      writeFileSync(join(folder, `${index}.yaml`), render(args));
    });
    const files = Object.keys(INSTALLATIONS).map((_, index) => join(folder, `${index}.yaml`));
    const location = join(folder, 'schemas', '{{.ResourceKind}}.json');
    const options = ['-strict', '-summary', '-output', 'json', '-skip', 'ServiceMonitor'];
    const output = execFileSync('kubeconform', [...options, '-schema-location', location, ...files], {
      encoding: 'utf8',
    });
    const { summary } = JSON.parse(output) as { summary: Record<string, number> };
    expect(summary).toMatchObject({ invalid: 0, errors: 0, skipped: 1 });
    expect(summary['valid']).toBeGreaterThan(40);
  },
);
