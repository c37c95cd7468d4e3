// `npm start`: runs the server from its bundle, which needs a third of the processor time and half the memory of the sources. If the
// sources have changed, the bundle is made anew. Without the bundler, which is a development package, the sources run as they are.
require('./require-node.cjs')
const { spawnSync } = require('node:child_process')
const { join } = require('node:path')
const { pathToFileURL } = require('node:url')
const bundle = require('./server-bundle.cjs')

if (!bundle.isCurrent()) {
  // Where this is not possible, the sources run. They also report a mistake in themselves better than the bundler.
  spawnSync(process.execPath, [join(__dirname, 'build-server.ts')], { stdio: 'ignore' })
}
const entry = bundle.isCurrent() ? bundle.file : join(__dirname, '../functions/node.ts')
// The processes of WORKERS run what this process runs.
process.argv[1] = entry
void import(pathToFileURL(entry).href)
