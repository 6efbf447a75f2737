import { DEFAULT_RETRY_TIERS, parseTiers } from '@dits/domain';
import {
  adminPort,
  commonConfig,
  destinationConfig,
  setting,
  stallConfig,
  type AppConfig,
} from '@dits/runtime';
import { SecretBox } from '@dits/signing';

export const config = {
  ...commonConfig,
  adminPort: adminPort(9103),
  ...stallConfig,
  secretKeys: {
    env: 'DITS_SECRET_KEYS',
    schema: setting.parsed((text) => SecretBox.parseKeys(text)),
    secret: true,
    doc: "Keys that open the webhooks' secrets: <key id>:<base64 of 32 bytes>, several parted by commas. The api must have the same.",
  },
  ...destinationConfig,
  egressProxy: {
    env: 'DITS_EGRESS_PROXY',
    schema: setting.optional(setting.url('http:')),
    secret: true,
    doc: 'HTTP proxy through which every delivery goes, by CONNECT, also to port 80: http://user:password@proxy:3128.',
  },
  dnsServers: {
    env: 'DITS_DNS_SERVERS',
    schema: setting.dnsServers(),
    default: '',
    doc: "DNS servers that resolve receivers' names, comma between: 192.0.2.53,[2001:db8::53]:5353. Empty: as the system does. A public one keeps names of your own network out of reach; /etc/hosts does not count then.",
  },
  retryTiers: {
    env: 'DITS_RETRY_TIERS',
    schema: setting.parsed(parseTiers),
    default: DEFAULT_RETRY_TIERS,
    doc: 'Delays between attempts; each has its topic. The retrier must have the same. The last of them ends within 23 hours.',
  },
  attemptTimeoutMs: {
    env: 'DITS_ATTEMPT_TIMEOUT_MS',
    schema: setting.integer(100, 60_000),
    default: '10000',
    unit: 'ms',
    doc: 'Time of one attempt, from the first DNS query to the last body byte. 10 s is what receivers are promised.',
  },
  maxInFlight: {
    env: 'DITS_MAX_IN_FLIGHT',
    schema: setting.integer(1, 10_000),
    default: '1000',
    unit: 'requests',
    doc: 'Requests in flight in this process. At 100 ms a request, 1,000 are 10,000 deliveries a second. Once half are taken, a slow webhook gets no second one, and none of the last eighth.',
  },
  maxHeldRecords: {
    env: 'DITS_MAX_HELD_RECORDS',
    schema: setting.integer(100, 1_000_000),
    default: '6000',
    unit: 'records',
    doc: 'Deliveries in memory, waiting or in flight. Each partition has an equal share; one that is full is paused, the others go on.',
  },
  maxHeldBytes: {
    env: 'DITS_MAX_HELD_BYTES',
    schema: setting.integer(1_000_000, 10_000_000_000),
    default: '134217728',
    unit: 'bytes',
    doc: 'Bytes of the deliveries in memory, shared in the same way.',
  },
  maxWaitMs: {
    env: 'DITS_MAX_WAIT_MS',
    schema: setting.integer(100, 60_000),
    default: '2000',
    unit: 'ms',
    doc: 'Longest expected wait at a webhook. A delivery that would wait longer is put on a retry tier, without using up an attempt, so that it delays no other.',
  },
  circuitFailures: {
    env: 'DITS_CIRCUIT_FAILURES',
    schema: setting.integer(0, 1_000),
    default: '5',
    unit: 'attempts',
    doc: 'Failed attempts in a row that open the circuit of a webhook: nothing but a probe goes to it until one succeeds. 0: never.',
  },
};

export type DispatcherConfig = AppConfig<typeof config>;
