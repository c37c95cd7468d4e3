// SECURITY.md states what holds, and names in each row the tests that prove it. Here every named test must exist.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const ROOT = new URL('../../', import.meta.url)
const text = readFileSync(new URL('SECURITY.md', ROOT), 'utf8')

const [, table = ''] = /^\| Actor \| Goal .*\n\|[-|]+\n((?:\|.*\n)+)/m.exec(text) ?? []
const rows = table.trim().split('\n')

const LINK = /\[([^\]]+)\]\((test\/[^)]+)\)/g

test.each(rows.map((row) => [row.split(' | ')[0]?.slice(2) ?? '', row.split(' | ').at(-1) ?? '']))(
  'the tests that SECURITY.md names against %s exist',
  (_actor, proof) => {
    const links = [...proof.matchAll(LINK)]
    expect(links.length).toBeGreaterThan(0)
    for (const [, title = '', file = ''] of links) {
      expect(existsSync(new URL(file, ROOT)), file).toBe(true)
      const titles = readFileSync(new URL(file, ROOT), 'utf8')
        .split('\n')
        .filter((line) => !line.trimStart().startsWith('//') && line.includes(title))
      expect(titles, `${title} in ${file}`).not.toEqual([])
    }
  },
)
