// `npm run check:folders`: measures the layout that lib/README.md states. No folder of lib imports one above it, by value or by
// type, the folders form no cycle, and no TypeScript file is longer than 300 lines.
import { readFileSync } from 'node:fs'
import { committedFiles } from './committed-files.ts'
import { readFolderOrder } from './folder-order.ts'
import { checkFolders, checkLengths } from './layout-rules.ts'

const MAX_LINES = 300

const sources = new Map(
  committedFiles()
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => [path, readFileSync(path, 'utf8')]),
)
const problems = [...checkFolders(sources, readFolderOrder()), ...checkLengths(sources, MAX_LINES)]
for (const problem of problems) process.stderr.write(`${problem}\n`)
process.stdout.write(
  problems.length === 0
    ? `The folders of lib are in order, and none of ${sources.size} TypeScript files has more than ${MAX_LINES} lines.\n`
    : `${problems.length} problems in ${sources.size} TypeScript files.\n`,
)
process.exitCode = problems.length === 0 ? 0 : 1
