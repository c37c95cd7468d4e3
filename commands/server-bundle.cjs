// Whether `dist/server/` was made from the files that are here now. It is in the JavaScript of any Node, because a start from the bundle
// does not load what reads TypeScript.
const { createHash } = require('node:crypto')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..')

/** The entry of the bundle. Its first line is a comment with the files that it was made from, and their fingerprint. */
const file = join(root, 'dist/server/node.js')

/** @param {string[]} inputs paths relative to the root of the repository */
function fingerprintOf(inputs) {
  const hash = createHash('sha256')
  for (const input of inputs) hash.update(`${input}\n`).update(readFileSync(join(root, input)))
  return hash.digest('hex')
}

function isCurrent() {
  try {
    const text = readFileSync(file, 'utf8')
    const { inputs, fingerprint } = JSON.parse(text.slice('// '.length, text.indexOf('\n')))
    return fingerprintOf(inputs) === fingerprint
  } catch {
    // There is no bundle, or a file that it was made from is gone.
    return false
  }
}

module.exports = { file, fingerprintOf, isCurrent }
