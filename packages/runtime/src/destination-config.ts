import { DEFAULT_PORTS, parseAllowedDestinations, parsePorts, type DestinationPolicy } from '@dits/domain';
import type { ConfigField, ConfigOf } from './config.js';
import { setting } from './setting.js';

/** Settings of the apps that judge where webhooks may lead: the api at write, the dispatcher at each connect. */
export const destinationConfig = {
  allowedDestinations: {
    env: 'DITS_ALLOWED_DESTINATIONS',
    schema: setting.parsed(parseAllowedDestinations),
    default: '',
    doc: 'CIDRs, addresses and host names that webhooks may have besides the public internet, comma between: 10.1.0.0/16,ci.example.internal. Api and dispatcher have the same.',
  },
  allowedPorts: {
    env: 'DITS_ALLOWED_PORTS',
    schema: setting.parsed(parsePorts),
    default: DEFAULT_PORTS,
    doc: 'Ports that webhooks may have. Below 1024 are the ports of mail, name and shell servers. Api and dispatcher have the same.',
  },
  httpsOnly: {
    env: 'DITS_HTTPS_ONLY',
    schema: setting.flag(),
    default: 'false',
    doc: 'True: webhooks may not have http. Api and dispatcher have the same.',
  },
} as const satisfies Record<string, ConfigField<never> | ConfigField>;

/** The policy that these settings make. */
export function destinationPolicy(config: ConfigOf<typeof destinationConfig>): DestinationPolicy {
  const { allowedDestinations, allowedPorts, httpsOnly } = config;
  return { allowed: allowedDestinations, ports: allowedPorts, httpsOnly };
}
