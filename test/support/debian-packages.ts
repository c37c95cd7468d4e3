// Installs Debian packages that tests need, where this process may, as on a clean machine of a CI. Run as a program with the names of
// packages, it installs them before the tests, so that no test waits for it.
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Held by the process that looks and installs: apt-get does not wait for another one. */
const LOCK = join(tmpdir(), 'install-debian-packages.lock')

const INSTALL = `export DEBIAN_FRONTEND=noninteractive
for name; do
  [ "$(dpkg-query --show --showformat='\${db:Status-Status}' "$name" 2> /dev/null)" = installed ] || missing="$missing $name"
done
[ -z "$missing" ] || { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >&2`

/** Whether this process may install packages: as root, on a system with apt-get. */
export const canInstallPackages = (): boolean =>
  process.getuid?.() === 0 && execFileSync('sh', ['-c', 'command -v apt-get || true']).length > 0

/** @throws Error when apt-get fails; its output is on standard error */
export function installPackages(names: string[]): void {
  execFileSync('flock', [LOCK, 'sh', '-c', INSTALL, 'sh', ...names], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

if (import.meta.main && canInstallPackages()) installPackages(process.argv.slice(2))
