import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { refuseAddress, refuseUrl } from './destination.js';
import {
  parseAllowedDestinations,
  parsePorts,
  PUBLIC_DESTINATIONS,
  type DestinationPolicy,
} from './destination-policy.js';

function aPolicy(o: { allowed?: string; ports?: string; httpsOnly?: boolean } = {}): DestinationPolicy {
  return {
    allowed: parseAllowedDestinations(o.allowed ?? ''),
    ports: o.ports === undefined ? PUBLIC_DESTINATIONS.ports : parsePorts(o.ports),
    httpsOnly: o.httpsOnly ?? false,
  };
}

const ruleOfAddress = (address: string, policy = PUBLIC_DESTINATIONS, host = 'receiver.example') =>
  refuseAddress(address, { host, policy })?.rule ?? null;
const ruleOfUrl = (url: string, policy = PUBLIC_DESTINATIONS) =>
  refuseUrl(new URL(url), policy)?.rule ?? null;

/** Both ends of each range, and what lies just outside where that is public. */
const ADDRESSES: [rule: string | null, ...addresses: string[]][] = [
  ['unspecified', '0.0.0.0', '0.0.0.1', '0.255.255.255', '::'],
  ['loopback', '127.0.0.0', '127.0.0.1', '127.0.0.2', '127.255.255.255', '::1'],
  ['private', '10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255'],
  ['private', 'fc00::', 'fd12:3456:789a::1', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fec0::1', 'feff::1'],
  ['link_local', '169.254.0.0', '169.254.0.1', '169.254.255.255', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
  ['metadata', '169.254.169.254', '169.254.170.2', '169.254.170.23', '169.254.42.42', '100.100.100.200'],
  [
    'metadata',
    '192.0.0.192',
    '168.63.129.16',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fd00:42::42',
  ],
  ['cgnat', '100.64.0.0', '100.64.0.1', '100.127.255.255'],
  ['multicast', '224.0.0.1', '239.255.255.255', 'ff00::', 'ff02::1', 'ff0e::1'],
  ['benchmark', '198.18.0.0', '198.19.255.255', '2001:2::1', '2001:2:0:ffff::'],
  ['documentation', '192.0.2.0', '192.0.2.255', '198.51.100.7', '203.0.113.255'],
  ['documentation', '2001:db8::', '2001:db8:ffff::1', '3fff::', '3fff:fff:ffff::1'],
  ['reserved', '192.0.0.0', '192.0.0.255', '240.0.0.0', '255.255.255.254', '255.255.255.255'],
  ['reserved', '192.31.196.1', '192.52.193.1', '192.175.48.1', '2620:4f:8000::1'],
  ['reserved', '2001:3::1', '2001:10::1', '2001:20::1', '2001:30::1', '2001:1ff::1'],
  [
    'reserved',
    '100::1',
    '100:0:0:1::1',
    '200::1',
    '400::1',
    '1fff::1',
    '4000::1',
    '5f00::1',
    'e000::1',
    'fe00::1',
  ],
  // What embeds an IPv4 address: the two forms that lead to it are judged by it.
  ['loopback', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::127.0.0.1', '64:ff9b::7f00:1'],
  ['private', '::ffff:10.0.0.1', '::ffff:192.168.1.1', '64:ff9b::10.0.0.1', '64:ff9b::ac10:1'],
  ['metadata', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe', '64:ff9b::168.63.129.16'],
  ['link_local', '::ffff:169.254.1.1'],
  ['cgnat', '::ffff:100.64.0.1'],
  ['unspecified', '::ffff:0.0.0.0', '64:ff9b::'],
  ['multicast', '::ffff:224.0.0.1'],
  ['reserved', '::ffff:255.255.255.255'],
  // The others are no way to a receiver, whatever they embed.
  ['transition', '::127.0.0.1', '::10.0.0.1', '::8.8.8.8', '::2'],
  ['transition', '::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8'],
  ['transition', '64:ff9b:1::1', '64:ff9b:1::127.0.0.1', '64:ff9b:1:ffff:ffff:ffff:a00:1'],
  ['transition', '2002:7f00:1::', '2002:a00:1::1', '2002:a9fe:a9fe::', '2002:808:808::1'],
  ['transition', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2', '2001:0:7f00:1::80ff:fffe'],
  ['transition', '192.88.99.1', '2607:f8b0::5efe:10.0.0.1', '2607:f8b0::200:5efe:127.0.0.1'],
  // No addresses.
  ['reserved', '', 'localhost', '127.1', '2130706433', '0x7f.0.0.1', '0177.0.0.1', '127.0.0.1.', 'fe80'],
  // The public internet, also just beside the ranges.
  [
    null,
    '1.0.0.0',
    '8.8.8.8',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
  ],
  [
    null,
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.0.1.0',
    '192.0.3.0',
  ],
  [
    null,
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '203.0.112.255',
    '223.255.255.255',
  ],
  [
    null,
    '2000::1',
    '2001:200::1',
    '2606:4700::1111',
    '2a00:1450:4001::200e',
    '2003::1',
    '3ffe::1',
    '3fff:1000::1',
  ],
  [null, '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '64:ff9b::808:808'],
];

describe('refuseAddress', () => {
  it.each(ADDRESSES.flatMap(([rule, ...addresses]) => addresses.map((address) => [address, rule] as const)))(
    'judges %s: %s',
    (address, rule) => {
      expect(ruleOfAddress(address)).toBe(rule);
    },
  );

  it('judges every form of an IPv4 address that leads to it as the address itself', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const rule = ruleOfAddress(address);
        expect(ruleOfAddress(`::ffff:${address}`)).toBe(rule);
        expect(ruleOfAddress(`64:ff9b::${address}`)).toBe(rule);
      }),
    );
  });

  it('takes no IPv6 address outside of what is given out, but for the two forms of IPv4', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const { hostname } = new URL(`http://[${address}]`);
        if (ruleOfAddress(address) === null && !/^\[(::ffff:|64:ff9b::)/.test(hostname))
          expect(hostname).toMatch(/^\[[23][0-9a-f]{3}:/);
      }),
    );
  });

  it('names the rule to the owner, and not the address: it may be a secret of our network', () => {
    const refusal = refuseAddress('10.1.2.3', { host: 'intranet.example', policy: PUBLIC_DESTINATIONS });
    expect(refusal!.message).toBe('must not lead to a private address (rule private)');
  });
});

describe('refuseUrl', () => {
  it.each([
    // How the URL standard reads hosts: each of these leads to 127.0.0.1.
    ['http://127.0.0.1/', 'loopback'],
    ['http://127.0.0.1./', 'loopback'],
    ['http://127.1/', 'loopback'],
    ['http://127.0.1/', 'loopback'],
    ['http://2130706433/', 'loopback'],
    ['http://017700000001/', 'loopback'],
    ['http://0177.0.0.1/', 'loopback'],
    ['http://0177.0.0.01/', 'loopback'],
    ['http://0x7f000001/', 'loopback'],
    ['http://0x7f.0x0.0x0.0x1/', 'loopback'],
    ['http://0X7F.1/', 'loopback'],
    ['http://0x7f.0.1/', 'loopback'],
    ['http://127.0.0.1:8080/', 'loopback'],
    ['http:127.0.0.1/', 'loopback'],
    ['http:\\\\127.0.0.1\\x', 'loopback'],
    ['http:/127.0.0.1/', 'loopback'],
    ['http://%31%32%37.0.0.1/', 'loopback'],
    ['http://127.0.0.%31/', 'loopback'],
    ['http://１２７.０.０.１/', 'loopback'],
    ['http://127。0。0。1/', 'loopback'],
    ['http://127．0．0．1/', 'loopback'],
    ['http://127｡0｡0｡1/', 'loopback'],
    ['http://①②⑦.⓪.⓪.①/', 'loopback'],
    ['http://127.0.0.1\u00ad/', 'loopback'],
    ['http://１２７。1/', 'loopback'],
    ['http://０x7f.1/', 'loopback'],
    ['http://0/', 'unspecified'],
    ['http://0x0/', 'unspecified'],
    ['http://0.0.0.0/', 'unspecified'],
    ['http://[::1]/', 'loopback'],
    ['http://[0:0:0:0:0:0:0:1]/', 'loopback'],
    ['http://[0000:0000:0000::0001]/', 'loopback'],
    ['http://[::ffff:127.0.0.1]/', 'loopback'],
    ['http://[::ffff:7f00:1]/', 'loopback'],
    ['http://[::127.0.0.1]/', 'transition'],
    ['http://[64:ff9b::7f00:1]/', 'loopback'],
    ['http://[2002:7f00:1::]/', 'transition'],
    ['http://[::]/', 'unspecified'],
    ['http://[fe80::1]/', 'link_local'],
    // Others.
    ['http://169.254.169.254/latest/meta-data/', 'metadata'],
    ['http://2852039166/latest/meta-data/', 'metadata'],
    ['http://0xa9fea9fe/', 'metadata'],
    ['http://0251.0376.0251.0376/', 'metadata'],
    ['http://[fd00:ec2::254]/', 'metadata'],
    ['http://[::ffff:a9fe:a9fe]/', 'metadata'],
    ['http://metadata.google.internal/', 'metadata'],
    ['http://METADATA.google.internal/', 'metadata'],
    ['http://10.0.0.1/', 'private'],
    ['http://012.0.0.1/', 'private'],
    ['http://192.168.257/', 'private'],
    ['http://3232235521/', 'private'],
    ['http://255.255.255.255/', 'reserved'],
    ['http://4294967295/', 'reserved'],
    ['http://localhost/', 'local_name'],
    ['http://LOCALHOST:8080/', 'local_name'],
    ['http://ｌｏｃａｌｈｏｓｔ/', 'local_name'],
    ['http://ⓛocalhost/', 'local_name'],
    ['http://loc\u00adalhost/', 'local_name'],
    ['http://anything.localhost/', 'local_name'],
    ['http://a.b.localhost/', 'local_name'],
    ['http://localhost./', 'trailing_dot'],
    ['http://receiver.example./', 'trailing_dot'],
    ['http://localhost。/', 'trailing_dot'],
    // Not the host.
    ['ftp://8.8.8.8/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['gopher://8.8.8.8/', 'scheme'],
    ['ws://8.8.8.8/', 'scheme'],
    ['javascript:alert(1)', 'scheme'],
    ['data:text/plain,x', 'scheme'],
    ['http://user@receiver.example/', 'user_info'],
    ['http://:password@receiver.example/', 'user_info'],
    ['http://receiver.example@127.0.0.1/', 'user_info'],
    ['http://receiver.example:80@127.0.0.1/', 'user_info'],
    ['http://receiver.example:22/', 'port'],
    ['http://receiver.example:25/', 'port'],
    ['http://receiver.example:1023/', 'port'],
    ['https://receiver.example:0/', 'port'],
    ['https://receiver.example:444/', 'port'],
    // Fine.
    ['http://receiver.example/', null],
    ['https://receiver.example/a?b=c', null],
    ['https://receiver.example:80/', null],
    ['http://receiver.example:443/', null],
    ['http://receiver.example:1024/', null],
    ['http://receiver.example:65535/', null],
    ['https://bücher.example/', null],
    ['https://8.8.8.8/', null],
    ['https://134744072/', null],
    ['https://[2606:4700::1111]/', null],
    ['https://localhost.example/', null],
    ['https://notlocalhost/', null],
    ['https://127.0.0.1.receiver.example/', null],
    ['http://receiver.example#@127.0.0.1/', null],
    ['http://receiver.example/@127.0.0.1/', null],
  ])('judges %s: %s', (url, rule) => {
    expect(ruleOfUrl(url)).toBe(rule);
  });

  it.each([
    'http://127.0.0.256/',
    'http://1.2.3.4.5/',
    'http://0x100000000/',
    'http://[::1/',
    'http://[fe80::1%25eth0]/',
    'http://a b/',
    'http://a\0b/',
    'http://%00/',
    'http://127.0.0.1:99999/',
  ])('need not judge %s: the URL standard does not read it', (url) => {
    expect(URL.parse(url)).toBeNull();
  });
});

describe('a policy', () => {
  it.each([
    ['127.0.0.0/8', 'http://127.0.0.1/', null],
    ['127.0.0.0/8', 'http://0x7f.9/', null],
    ['127.0.0.0/8', 'http://[::ffff:127.0.0.1]/', null],
    ['127.0.0.0/8', 'http://localhost/', null],
    ['127.0.0.0/8', 'http://[::1]/', 'loopback'],
    ['127.0.0.0/8', 'http://10.0.0.1/', 'private'],
    ['::1', 'http://localhost/', null],
    ['127.0.0.2/32', 'http://127.0.0.2/', null],
    ['127.0.0.2', 'http://127.0.0.1/', 'loopback'],
    ['127.0.0.2', 'http://localhost/', 'local_name'],
    ['localhost', 'http://localhost/', null],
    ['localhost', 'http://127.0.0.1/', 'loopback'],
    ['10.1.0.0/16, fd00::/8', 'http://10.1.255.255/', null],
    ['10.1.0.0/16, fd00::/8', 'http://10.2.0.0/', 'private'],
    ['10.1.0.0/16, fd00::/8', 'http://[fd12::1]/', null],
    ['64:ff9b::/96', 'http://[64:ff9b::10.0.0.1]/', null],
    ['::/0', 'http://[::ffff:10.0.0.1]/', 'private'],
    ['0.0.0.0/0', 'http://192.168.1.1/', null],
    // Whoever opens a range does not mean the metadata service in it.
    ['0.0.0.0/0', 'http://169.254.169.254/', 'metadata'],
    ['169.254.0.0/16', 'http://169.254.169.254/', 'metadata'],
    ['169.254.0.0/16', 'http://[::ffff:169.254.169.254]/', 'metadata'],
    ['169.254.0.0/16', 'http://169.254.1.1/', null],
    ['fd00::/8', 'http://[fd00:ec2::254]/', 'metadata'],
    ['169.254.169.254', 'http://169.254.169.254/', null],
    ['127.0.0.0/8', 'http://127.0.0.1:22/', 'port'],
    ['127.0.0.0/8', 'http://user@127.0.0.1/', 'user_info'],
  ])('that opens %s judges %s: %s', (allowed, url, rule) => {
    expect(ruleOfUrl(url, aPolicy({ allowed }))).toBe(rule);
  });

  it('that opens a name opens every address of it, but for metadata services', () => {
    const policy = aPolicy({ allowed: 'CI.Bücher.example' });
    const host = 'ci.xn--bcher-kva.example';
    expect(ruleOfUrl('http://ci.bücher.example/', policy)).toBeNull();
    expect(ruleOfAddress('10.0.0.1', policy, host)).toBeNull();
    expect(ruleOfAddress('127.0.0.1', policy, host)).toBeNull();
    expect(ruleOfAddress('169.254.169.254', policy, host)).toBe('metadata');
    expect(ruleOfAddress('10.0.0.1', policy, 'other.example')).toBe('private');
    expect(ruleOfAddress('10.0.0.1', policy, `x.${host}`)).toBe('private');
  });

  it.each([
    ['http://receiver.example/', 'https_only'],
    ['http://127.0.0.1/', 'https_only'],
    ['https://receiver.example/', null],
  ])('of HTTPS only judges %s: %s', (url, rule) => {
    expect(ruleOfUrl(url, aPolicy({ httpsOnly: true }))).toBe(rule);
  });

  it('has the ports it is given, and names them', () => {
    const policy = aPolicy({ ports: '443, 8000-8999' });
    expect(ruleOfUrl('https://receiver.example/', policy)).toBeNull();
    expect(ruleOfUrl('https://receiver.example:8999/', policy)).toBeNull();
    expect(refuseUrl(new URL('http://receiver.example/'), policy)?.message).toBe(
      'must not have port 80; allowed are 443, 8000-8999 (rule port)',
    );
  });

  it.each([
    ['10.0.0.0/33', 'a prefix length from 0 to 32'],
    ['fd00::/129', 'a prefix length from 0 to 128'],
    ['10.0.0.0/', 'a prefix length'],
    ['10.0.0.0/8/8', 'a prefix length'],
    ['10.1.2.3/8', 'write 10.0.0.0/8'],
    ['fd00::1/8', 'write fd00::/8'],
    ['127.1', 'must be written as 127.0.0.1'],
    ['0x7f000001', 'must be written as 127.0.0.1'],
    ['[::1]', 'must be an address'],
    ['https://ci.example', 'must be an address'],
    ['ci.example:8080', 'must be an address'],
    ['ci.example/8', 'must be an address'],
    ['ci.example.', 'must be an address'],
    ['user@ci.example', 'must be an address'],
    ['a b', 'must be an address'],
    ['10.0.0.1, 300.0.0.1', '"300.0.0.1" must be an address'],
  ])('is not read from the destinations %s', (text, problem) => {
    expect(() => parseAllowedDestinations(text)).toThrow(problem);
  });

  it.each(['0', '65536', '80-', '-80', '90-80', 'http', '80:90', '1e3', '080000'])(
    'is not read from the ports %s',
    (text) => {
      expect(() => parsePorts(text)).toThrow(`"${text}" must be a port or a range`);
    },
  );
});
