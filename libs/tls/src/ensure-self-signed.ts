import { webcrypto } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@mailfold/kernel";
import { provideReflectMetadata } from "./reflect-metadata-store.ts";

/** A private key and its certificate (chain), PEM text. */
export interface TlsMaterial {
  readonly key: string;
  readonly cert: string;
}

const validityMs = 10 * 365 * 86_400_000;

/**
 * The key and certificate in `dir` (tls-key.pem, tls-cert.pem); made on first start: ECDSA P-256, valid 10 years, for
 * hostname, localhost, 127.0.0.1 and ::1. Files are 0600 and appear whole or not at all. The key is written first and the
 * certificate last, so that a crash between them leaves no certificate and both are made anew.
 */
export async function ensureSelfSigned(options: {
  readonly dir: string;
  readonly hostname: string;
  readonly clock: Clock;
}): Promise<TlsMaterial> {
  const keyFile = join(options.dir, "tls-key.pem");
  const certFile = join(options.dir, "tls-cert.pem");
  const [key, cert] = await Promise.all([readIfThere(keyFile), readIfThere(certFile)]);
  if (key !== undefined && cert !== undefined) return { key, cert };
  const made = await makeSelfSigned(options.hostname, options.clock.now());
  await mkdir(options.dir, { recursive: true, mode: 0o700 });
  await writeWhole(keyFile, made.key);
  await writeWhole(certFile, made.cert);
  return made;
}

async function makeSelfSigned(hostname: string, nowMs: number): Promise<TlsMaterial> {
  provideReflectMetadata();
  // Loaded only when a certificate must be made: every later start is spared it.
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  type Keys = Parameters<typeof x509.X509CertificateGenerator.createSelfSigned>[0]["keys"];
  const names = [...new Set([hostname, "localhost"])];
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [hostname.slice(0, 64)] }],
    // An hour early, so that a peer whose clock is a little behind accepts it.
    notBefore: new Date(nowMs - 3_600_000),
    notAfter: new Date(nowMs + validityMs),
    signingAlgorithm: algorithm,
    // The package names the browser's type of the same object.
    keys: keys as unknown as Keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: "dns" as const, value })),
        { type: "ip" as const, value: "127.0.0.1" },
        { type: "ip" as const, value: "::1" },
      ]),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { key: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`, cert: `${certificate.toString("pem")}\n` };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.new`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
