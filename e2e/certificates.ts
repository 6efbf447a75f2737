import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A key and its certificate, PEM. */
export interface Certificate {
  key: string;
  cert: string;
}

/** A certificate that nobody has signed but itself. Default: for 127.0.0.1, a year from now on. */
export async function aCertificate(o: { host?: string; notAfter?: Date } = {}): Promise<Certificate> {
  const { host = '127.0.0.1', notAfter } = o;
  const name = isIP(host) ? { type: 7 as const, ip: host } : { type: 2 as const, value: host };
  const { private: key, cert } = await generate([{ name: 'commonName', value: host }], {
    ...(notAfter && { notBeforeDate: new Date(notAfter.getTime() - YEAR_MS), notAfterDate: notAfter }),
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [name] },
    ],
  });
  return { key, cert };
}

const YEAR_MS = 365 * 86_400_000;

/** Certificates in a file, for NODE_EXTRA_CA_CERTS of an app that is to trust them. */
export function trustedFile(...certificates: Certificate[]): { file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'dits-certificate-'));
  const file = join(folder, 'trusted.pem');
  writeFileSync(file, certificates.map(({ cert }) => cert.trimEnd()).join('\n'));
  return { file, remove: () => rmSync(folder, { recursive: true }) };
}

/** A certificate for 127.0.0.1, and the file for an app that is to trust it. */
export async function aTrustedCertificate(): Promise<Certificate & { file: string; remove(): void }> {
  const certificate = await aCertificate();
  return { ...certificate, ...trustedFile(certificate) };
}
