import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

/** A key and its certificate, PEM. */
export interface Certificate {
  key: string;
  cert: string;
}

/** A certificate for 127.0.0.1 that nobody has signed but itself. */
export async function aCertificate(): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  return { key, cert };
}

/** A certificate in a file, for NODE_EXTRA_CA_CERTS of an app that is to trust it. */
export async function aTrustedCertificate(): Promise<Certificate & { file: string; remove(): void }> {
  const certificate = await aCertificate();
  const folder = mkdtempSync(join(tmpdir(), 'dits-certificate-'));
  const file = join(folder, 'trusted.pem');
  writeFileSync(file, certificate.cert);
  return { ...certificate, file, remove: () => rmSync(folder, { recursive: true }) };
}
