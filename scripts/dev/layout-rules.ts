// The rules of the layout, as pure functions over the text of the files: the folders of lib and the length of a file.
import { posix } from 'node:path'

/** Paths from the top of the project, and what is in the files. */
export type Sources = ReadonlyMap<string, string>

/** Stands for Fly and is reached over HTTP, so that it has no place in the order. */
const EMULATOR = 'emulator'

/** Matches `import` and `export … from`, of values and of types, and `import()`. Packages are not of interest. */
const RELATIVE_IMPORT = /\b(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g

type Import = { file: string; from: string; to: string }

/**
 * @param order the folders of lib, top first
 * @returns one sentence for each import that goes up and each folder that the order does not have, and one for a cycle
 */
export function checkFolders(sources: Sources, order: readonly string[]): string[] {
  const files = [...sources.keys()].filter((path) => path.startsWith('lib/') && path.endsWith('.ts'))
  const present = new Set(files.map(folderOf).filter((folder) => folder !== ''))
  const imports = files.flatMap((file) => importsOf(file, sources.get(file) ?? ''))
  return [
    ...files
      .filter((file) => folderOf(file) === '')
      .map((file) => `${file} is in no folder of lib: move it into one`),
    ...[...present]
      .filter((folder) => folder !== EMULATOR && !order.includes(folder))
      .map((folder) => `lib/${folder} is not in the order of lib/README.md: add it there`),
    ...order
      .filter((folder) => !present.has(folder))
      .map((folder) => `lib/${folder} does not exist: remove it from the order of lib/README.md`),
    ...imports.flatMap(({ file, from, to }) => {
      if (to === EMULATOR || from === EMULATOR) return `${file} imports lib/${to}: use the emulator over HTTP`
      if (to === '') return `${file} imports a file at the top of lib`
      if (order.indexOf(to) >= order.indexOf(from) || !order.includes(to)) return []
      return `${file} imports lib/${to}, which is above lib/${from}`
    }),
    ...cycleAmong(imports),
  ]
}

/** @returns one sentence for each TypeScript file that people write and that has more lines than that */
export function checkLengths(sources: Sources, maxLines: number): string[] {
  return [...sources]
    .filter(
      ([path]) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts') && !path.startsWith('drizzle/migrations/'),
    )
    .map(([path, text]) => ({ path, lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0) }))
    .filter(({ lines }) => lines > maxLines)
    .toSorted((a, b) => b.lines - a.lines)
    .map(({ path, lines }) => `${path} has ${lines} lines; at most ${maxLines} are allowed`)
}

/** The first folder below lib; empty for a file at its top. */
function folderOf(path: string): string {
  return path.split('/').length > 2 ? (path.split('/')[1] ?? '') : ''
}

/** The imports of a file in lib that lead to another folder of lib. */
function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(RELATIVE_IMPORT)]
    .map(([, specifier = '']) => posix.join(posix.dirname(file), specifier))
    .filter((target) => target.startsWith('lib/'))
    .map((target) => ({ file, from: folderOf(file), to: folderOf(target) }))
    .filter(({ from, to }) => from !== to)
}

/** Takes away folders that import none of the rest, or that none of the rest imports, until only cycles are left. */
function cycleAmong(imports: readonly Import[]): string[] {
  let rest = imports
  for (;;) {
    const importing = new Set(rest.map(({ from }) => from))
    const imported = new Set(rest.map(({ to }) => to))
    const next = rest.filter(({ from, to }) => importing.has(to) && imported.has(from))
    if (next.length === rest.length) break
    rest = next
  }
  const folders = [...new Set(rest.map(({ from }) => `lib/${from}`))].toSorted()
  return folders.length === 0 ? [] : [`These folders are in a cycle of imports: ${folders.join(', ')}`]
}
