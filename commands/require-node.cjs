// Run before every command of package.json that works without development packages: an older Node cannot read TypeScript, and
// would only report an unknown file extension. In the JavaScript of any Node, so that this file itself can be read.
const { engines } = require('../package.json')

const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node).map(Number)
const [ourMajor, ourMinor] = process.version.slice(1).split('.').map(Number)
if (ourMajor < major || (ourMajor === major && ourMinor < minor)) {
  console.error(
    `Node ${process.version.slice(1)} is too old: this needs Node ${major}.${minor} or newer, and Node 24 is recommended. ` +
      '`npm ci` installs Node 24 for the npm scripts; `npm ci --omit=dev` does not.',
  )
  process.exit(2)
}
