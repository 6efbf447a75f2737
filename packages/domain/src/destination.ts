import { addressRule, parseAddress, type AddressRule } from './destination-address.js';
import { isOpened, type AllowedDestinations, type DestinationPolicy } from './destination-policy.js';

/** The rule by which a destination is refused: stable, and shown to the webhook's owner. */
export type DestinationRule =
  'url' | 'scheme' | 'https_only' | 'user_info' | 'port' | 'trailing_dot' | 'local_name' | AddressRule;

/** A destination that no POST goes to. */
export interface Refusal {
  rule: DestinationRule;
  /** Goes on after "the url" or "url:", and names the rule. */
  message: string;
}

const ADDRESS_TEXT: Record<AddressRule, string> = {
  unspecified: 'an unspecified address',
  loopback: 'a loopback address',
  private: 'a private address',
  link_local: 'a link-local address',
  metadata: 'the metadata service of a cloud',
  cgnat: 'a carrier-grade NAT address',
  multicast: 'a multicast address',
  benchmark: 'an address for benchmarks',
  documentation: 'an address for documentation',
  transition: 'an address that leads to IPv4 by way of a tunnel or translator',
  reserved: 'a reserved address',
};

// RFC 6761, section 6.3.
const LOCAL_NAME = /(^|\.)localhost$/;
const LOOPBACK = [parseAddress('127.0.0.1')!, parseAddress('::1')!];
const METADATA_NAMES = ['metadata.google.internal', 'metadata.goog'];

/**
 * Judges what can be known from a url alone: scheme, user info, port, and the host as the URL standard reads it, so
 * that `http://0x7f.1`, `http://2130706433` and full-width digits are what they lead to. Null: nothing against it; a name's
 * addresses are still to be judged by {@link refuseAddress}.
 */
export function refuseUrl(url: URL, policy: DestinationPolicy): Refusal | null {
  const { protocol, hostname: host } = url;
  if (protocol !== 'https:' && protocol !== 'http:')
    return refusal('scheme', 'must begin with https:// or http://');
  if (policy.httpsOnly && protocol !== 'https:') return refusal('https_only', 'must begin with https://');
  if (url.username || url.password) return refusal('user_info', 'must not hold a user name or password');
  const port = Number(url.port || (protocol === 'https:' ? 443 : 80));
  if (!policy.ports.some(([first, last]) => port >= first && port <= last))
    return refusal('port', `must not have port ${port}; allowed are ${portsText(policy)}`);
  if (parseAddress(host)) return refuseAddress(host, { host, policy });
  return policy.allowed.hosts.has(host) ? null : refuseName(host, policy);
}

/**
 * Judges an address that is about to be dialled for a host: the address itself, or one that the host's name resolves
 * to. What is no address is refused.
 */
export function refuseAddress(
  text: string,
  { host, policy }: { host: string; policy: DestinationPolicy },
): Refusal | null {
  const address = parseAddress(text);
  if (!address) return leadsTo('reserved');
  const rule = addressRule(address);
  if (!rule) return null;
  const onlyByItself = rule === 'metadata';
  if (!onlyByItself && policy.allowed.hosts.has(host)) return null;
  return isOpened(address, policy.allowed, { onlyByItself }) ? null : leadsTo(rule);
}

/** The refusal of a text that is no url. */
export function refuseText(): Refusal {
  return refusal('url', 'must be a complete url such as https://your-app.com/webhook');
}

function refuseName(host: string, { allowed }: DestinationPolicy): Refusal | null {
  // TLS certificates never name it so, and two spellings of one host are one too many.
  if (host.endsWith('.')) return refusal('trailing_dot', 'must not have a host that ends in a dot');
  if (LOCAL_NAME.test(host) && !isLoopbackOpen(allowed))
    return refusal('local_name', 'must not lead to this machine');
  return METADATA_NAMES.includes(host) ? leadsTo('metadata') : null;
}

function isLoopbackOpen(allowed: AllowedDestinations): boolean {
  return LOOPBACK.some((address) => isOpened(address, allowed, { onlyByItself: false }));
}

function leadsTo(rule: AddressRule): Refusal {
  return refusal(rule, `must not lead to ${ADDRESS_TEXT[rule]}`);
}

function refusal(rule: DestinationRule, message: string): Refusal {
  return { rule, message: `${message} (rule ${rule})` };
}

function portsText({ ports }: DestinationPolicy): string {
  return ports.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}
