// The order of lib's folders, as lib/README.md states it: the one place that the linter (oxlint.config.ts) and the check for
// cycles (check-folders.ts) both read.
import { readFileSync } from 'node:fs'

/** @returns names of the folders of lib, top first: each may import only those after it */
export function readFolderOrder(): string[] {
  const readme = readFileSync(new URL('../../lib/README.md', import.meta.url), 'utf8')
  const block = /<!-- folder-order -->\n+```[a-z]*\n(?<lines>[\s\S]*?)\n```/.exec(readme)?.groups?.['lines']
  if (block === undefined) throw new Error('lib/README.md has no code block after <!-- folder-order -->')
  return block.split('\n').flatMap((line) => /^[a-z0-9-]+/.exec(line) ?? [])
}
