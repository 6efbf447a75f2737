import { DEFAULT_RETRY_TIERS, parseTiers } from '@dits/domain';
import { adminPort, commonConfig, destinationConfig, setting, type AppConfig } from '@dits/runtime';
import { SecretBox } from '@dits/signing';

export const config = {
  ...commonConfig,
  adminPort: adminPort(9103),
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
    default: '512',
    unit: 'requests',
    doc: 'Requests in flight in this process. At 100 ms a request, 512 are 5,000 deliveries a second.',
  },
};

export type DispatcherConfig = AppConfig<typeof config>;
