import ipaddr from 'ipaddr.js';

/** Why an address is none that strangers may have us call. */
export type AddressRule =
  | 'unspecified'
  | 'loopback'
  | 'private'
  | 'link_local'
  | 'metadata'
  | 'cgnat'
  | 'multicast'
  | 'benchmark'
  | 'documentation'
  | 'transition'
  | 'reserved';

/** An address or, with a number of bits, a range of them. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;
export type AddressRange = readonly [Address, number];

/**
 * Single addresses at which clouds hand out credentials to whoever asks from inside. Most lie in ranges below; named
 * apart, because opening such a range must not open them, and because Azure's is a public address.
 */
const METADATA = new Set(
  [
    '169.254.169.254', // AWS, Google, Azure, Oracle, DigitalOcean, OpenStack and others
    'fd00:ec2::254', // AWS over IPv6
    'fd20:ce::254', // Google over IPv6
    '169.254.170.2', // AWS ECS: credentials of the task
    '169.254.170.23', // AWS EKS: credentials of the pod
    'fd00:ec2::23', // the same over IPv6
    '169.254.42.42', // Scaleway
    'fd00:42::42', // Scaleway over IPv6
    '100.100.100.200', // Alibaba
    '192.0.0.192', // Oracle, older
    '168.63.129.16', // Azure's wire server
  ].map((text) => ipaddr.parse(text).toString()),
);

/** From the IANA special-purpose address registries, the narrower before the wider. */
const RANGES = [
  ['0.0.0.0/8', 'unspecified'], // RFC 1122; Linux takes 0.0.0.0 for itself
  ['10.0.0.0/8', 'private'], // RFC 1918
  ['100.64.0.0/10', 'cgnat'], // RFC 6598
  ['127.0.0.0/8', 'loopback'], // RFC 1122
  ['169.254.0.0/16', 'link_local'], // RFC 3927
  ['172.16.0.0/12', 'private'], // RFC 1918
  ['192.0.0.0/24', 'reserved'], // RFC 6890
  ['192.0.2.0/24', 'documentation'], // RFC 5737
  ['192.31.196.0/24', 'reserved'], // RFC 7535, AS112
  ['192.52.193.0/24', 'reserved'], // RFC 7450, AMT
  ['192.88.99.0/24', 'transition'], // RFC 7526, 6to4 relays
  ['192.168.0.0/16', 'private'], // RFC 1918
  ['192.175.48.0/24', 'reserved'], // RFC 7534, AS112
  ['198.18.0.0/15', 'benchmark'], // RFC 2544
  ['198.51.100.0/24', 'documentation'], // RFC 5737
  ['203.0.113.0/24', 'documentation'], // RFC 5737
  ['224.0.0.0/4', 'multicast'], // RFC 5771
  ['240.0.0.0/4', 'reserved'], // RFC 1112, broadcast among them

  ['::/128', 'unspecified'], // RFC 4291
  ['::1/128', 'loopback'], // RFC 4291
  ['::/96', 'transition'], // RFC 4291, IPv4-compatible
  ['::ffff:0:0:0/96', 'transition'], // RFC 2765, IPv4-translated
  ['64:ff9b:1::/48', 'transition'], // RFC 8215, a network's own NAT64: where in it the IPv4 address stands, nobody knows
  ['2001::/32', 'transition'], // RFC 4380, Teredo
  ['2001:2::/48', 'benchmark'], // RFC 5180
  ['2001::/23', 'reserved'], // RFC 2928, protocols of the IETF
  ['2001:db8::/32', 'documentation'], // RFC 3849
  ['2002::/16', 'transition'], // RFC 3056, 6to4
  ['2620:4f:8000::/48', 'reserved'], // RFC 7534, AS112
  ['3fff::/20', 'documentation'], // RFC 9637
  ['fc00::/7', 'private'], // RFC 4193
  ['fe80::/10', 'link_local'], // RFC 4291
  ['fec0::/10', 'private'], // RFC 3879, site-local
  ['ff00::/8', 'multicast'], // RFC 4291
].map(([cidr, rule]) => ({ range: ipaddr.parseCIDR(cidr!), rule: rule as AddressRule }));

const MAPPED = ipaddr.parseCIDR('::ffff:0:0/96');
// What a resolver with DNS64 makes of a receiver that has only IPv4, where our own network has only IPv6.
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Reads an address as a resolver or the URL standard writes it; null for anything else. A zone (`%eth0`) is dropped. */
export function parseAddress(text: string): Address | null {
  const [bare = ''] = text.replace(/^\[(.*)\]$/, '$1').split('%');
  // Most hosts are names: told apart without the library, which throws inside, some 20 µs each.
  if (/^[\d.]+$/.test(bare)) return ipaddr.IPv4.isValidFourPartDecimal(bare) ? ipaddr.IPv4.parse(bare) : null;
  if (!/^[\da-f:.]*:[\da-f:.]*$/i.test(bare) || !ipaddr.IPv6.isValid(bare)) return null;
  // By way of the URL standard's parser: ipaddr.js takes ::8.8.8.8 (which is ::808:808) for ::ffff:8.8.8.8.
  const host = URL.parse(`http://[${bare}]`)?.hostname.slice(1, -1);
  return host === undefined ? null : ipaddr.IPv6.parse(host);
}

/** The IPv4 address that is called in truth, for IPv4-mapped and NAT64 addresses; else the address itself. */
export function calledAddress(address: Address): Address {
  if (!isWithin(address, MAPPED) && !isWithin(address, NAT64)) return address;
  return new ipaddr.IPv4(address.toByteArray().slice(-4));
}

/** True when the range holds the address. */
export function isWithin(address: Address, [base, bits]: AddressRange): boolean {
  if (address.kind() !== base.kind()) return false;
  return (address as ipaddr.IPv4).match(base, bits);
}

/** The rule by which an address is no destination for strangers; null for one of the public internet. */
export function addressRule(address: Address): AddressRule | null {
  const called = calledAddress(address);
  if (METADATA.has(called.toString())) return 'metadata';
  const special = RANGES.find(({ range }) => isWithin(called, range));
  if (special) return special.rule;
  if (called.kind() === 'ipv4') return called.range() === 'unicast' ? null : 'reserved';
  if (isIsatap(called as ipaddr.IPv6)) return 'transition';
  // Only this eighth of IPv6 is given out. What the library knows beyond our list counts too.
  return isWithin(called, GLOBAL_UNICAST) && called.range() === 'unicast' ? null : 'reserved';
}

/** RFC 5214: the last 64 bits of an address under any prefix are 0:5efe or 200:5efe and an IPv4 address. */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe;
}
