import ipaddr from 'ipaddr.js';
import {
  calledAddress,
  isWithin,
  parseAddress,
  type Address,
  type AddressRange,
} from './destination-address.js';

/** Which destinations webhooks may have. */
export interface DestinationPolicy {
  /** Open besides the public internet. */
  allowed: AllowedDestinations;
  /** First and last port of each range. */
  ports: readonly (readonly [number, number])[];
  /** True: no `http:`. */
  httpsOnly: boolean;
}

/** What `DITS_ALLOWED_DESTINATIONS` opens. */
export interface AllowedDestinations {
  ranges: readonly AddressRange[];
  /** Names as the URL standard writes them: lower case, punycode. */
  hosts: ReadonlySet<string>;
}

/** 80, 443, 1024 and up: below 1024 are the ports of mail, name and shell servers, which an HTTP request may harm. */
export const DEFAULT_PORTS = '80,443,1024-65535';

/** The public internet, on the default ports. */
export const PUBLIC_DESTINATIONS: DestinationPolicy = {
  allowed: { ranges: [], hosts: new Set() },
  ports: parsePorts(DEFAULT_PORTS),
  httpsOnly: false,
};

/** Reads `10.1.0.0/16,::1,ci.example.internal`. Throws an Error that names the item which is none of the three. */
export function parseAllowedDestinations(text: string): AllowedDestinations {
  const ranges: AddressRange[] = [];
  const hosts = new Set<string>();
  for (const item of itemsOf(text)) {
    const range = parseRange(item);
    if (range) ranges.push(range);
    else hosts.add(parseHost(item));
  }
  return { ranges, hosts };
}

/** Reads `80,443,1024-65535`. Throws an Error that names the item which is no port or range. */
export function parsePorts(text: string): [number, number][] {
  return itemsOf(text).map((item) => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(item) ?? [];
    const range: [number, number] = [Number(first), Number(last)];
    if (!(range[0] >= 1 && range[0] <= range[1] && range[1] <= 65_535)) {
      throw new Error(`"${item}" must be a port or a range such as 1024-65535`);
    }
    return range;
  });
}

/**
 * True when the policy opens an address. A metadata address is opened by itself alone, never by a range or a name:
 * whoever opens 169.254.0.0/16 does not mean the credentials of the machine.
 */
export function isOpened(
  address: Address,
  { ranges }: AllowedDestinations,
  { onlyByItself }: { onlyByItself: boolean },
): boolean {
  const called = calledAddress(address);
  const forms = called.kind() === 'ipv4' && !isMapped(address) ? [called, address] : [called];
  return ranges.some(
    (range) => (!onlyByItself || isSingle(range)) && forms.some((form) => isWithin(form, range)),
  );
}

function parseRange(item: string): AddressRange | null {
  const [text = '', bits, ...more] = item.split('/');
  const address = parseAddress(text);
  if (!address || text.startsWith('[') || text.includes('%')) return null;
  const all = address.kind() === 'ipv4' ? 32 : 128;
  if (bits === undefined) return [address, all];
  if (more.length > 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > all) {
    throw new Error(`"${item}" must have a prefix length from 0 to ${all} after the slash`);
  }
  const range = [address, Number(bits)] as const;
  const network = (address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(item);
  if (network.toString() !== address.toString()) {
    throw new Error(
      `"${item}" must not have bits set behind its prefix: write ${network.toString()}/${bits}`,
    );
  }
  return range;
}

function parseHost(item: string): string {
  const url = /[/@:?#\\\s]/.test(item) ? null : URL.parse(`http://${item}`);
  const host = url?.hostname ?? '';
  if (host === '' || host.endsWith('.')) {
    throw new Error(`"${item}" must be an address, a CIDR such as 10.1.0.0/16 or a host name`);
  }
  if (parseAddress(host)) throw new Error(`"${item}" must be written as ${host}`);
  return host;
}

function isSingle([address, bits]: AddressRange): boolean {
  return bits === (address.kind() === 'ipv4' ? 32 : 128);
}

function isMapped(address: Address): boolean {
  return address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress();
}

function itemsOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
