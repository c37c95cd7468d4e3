// A real Chromium for tests and scripts: the computer's own, or Debian's, which is installed where it is missing and this process
// may install it, as on a clean machine of a CI. Without the windows of a browser it needs a third less processor time, so the build
// without them comes first.
import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { canInstallPackages, installPackages } from './debian-packages.ts'

/** Chromium without the windows of a browser, in Debian. */
const PACKAGE = 'chromium-headless-shell'

const PATHS = [
  `/usr/lib/chromium/${PACKAGE}`,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** @throws Error that says what to install where there is none and it cannot be installed */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium() ?? installChromium(),
    // As root the sandbox of Chromium cannot work; the pages are of this project.
    args: ['--disable-dev-shm-usage', ...(isRoot() ? ['--no-sandbox'] : [])],
  })
}

const findChromium = (): string | undefined =>
  [process.env['CHROMIUM_PATH'] ?? '', ...PATHS].find((path) => path !== '' && existsSync(path))

const isRoot = () => process.getuid?.() === 0

function installChromium(): string {
  if (canInstallPackages()) installPackages([PACKAGE])
  const installed = findChromium()
  if (installed === undefined)
    throw new Error(`there is no Chromium: install it ('apt-get install ${PACKAGE}'), or set CHROMIUM_PATH`)
  return installed
}
