// Certificates for a Docker daemon at a TCP port of this computer and for its clients, made with openssl: files of the names that
// Docker's own tools read from DOCKER_CERT_PATH.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type DockerCertificates = ReturnType<typeof createDockerCertificates>

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

export function createDockerCertificates() {
  const directory = mkdtempSync(join(tmpdir(), 'docker-certificates-'))
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })

  openssl('req', '-x509', ...KEY, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '2')
  sign('server', 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
  sign('', 'extendedKeyUsage=clientAuth\n')

  /** `<name>-key.pem` and `<name>-cert.pem`; without a name `key.pem` and `cert.pem`. */
  function sign(name: string, extensions: string): void {
    const prefix = name === '' ? '' : `${name}-`
    openssl(
      'req',
      ...KEY,
      '-keyout',
      `${prefix}key.pem`,
      '-out',
      'request.pem',
      '-subj',
      `/CN=${name || 'client'}`,
    )
    writeFileSync(join(directory, 'extensions'), extensions)
    const issuer = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial']
    const out = ['-out', `${prefix}cert.pem`, '-days', '2', '-extfile', 'extensions']
    openssl('x509', '-req', '-in', 'request.pem', ...issuer, ...out)
  }

  return {
    /** For DOCKER_CERT_PATH. */
    directory,
    /** Arguments of dockerd for a TCP port that accepts only these clients. */
    argumentsFor: (port: number): string[] => [
      `--host=tcp://127.0.0.1:${port}`,
      '--tlsverify',
      `--tlscacert=${join(directory, 'ca.pem')}`,
      `--tlscert=${join(directory, 'server-cert.pem')}`,
      `--tlskey=${join(directory, 'server-key.pem')}`,
    ],
    remove: () => rmSync(directory, { recursive: true }),
  }
}
