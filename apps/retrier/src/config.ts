import { DEFAULT_RETRY_TIERS, parseTiers } from '@dits/domain';
import { adminPort, commonConfig, setting, stallConfig, type AppConfig } from '@dits/runtime';

export const config = {
  ...commonConfig,
  adminPort: adminPort(9104),
  ...stallConfig,
  retryTiers: {
    env: 'DITS_RETRY_TIERS',
    schema: setting.parsed(parseTiers),
    default: DEFAULT_RETRY_TIERS,
    doc: 'Delays between attempts; each has its topic. The dispatcher must have the same. The last of them ends within 23 hours.',
  },
};

export type RetrierConfig = AppConfig<typeof config>;
