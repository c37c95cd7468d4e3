// Every flyctl command that a person is told to run is complete: outside a folder with a fly.toml, flyctl needs the app by
// name (found by the real flyctl: `fly logs --machine X` fails without `-a`).
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

/** Programs print strings; documents have code blocks. Names of commands in prose and comments are not run. */
const SOURCES = ['lib', 'functions', 'commands']
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  )
  .filter((path) => /\.(ts|cjs)$/.test(path) && !path.startsWith('lib/emulator/'))
const DOCUMENTS = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

const COMMAND = /(?<![\w-])(?:fly|flyctl) (?:[a-z][a-z0-9-]*)(?: [^`'"\n|;)&#]*)?/g

function commandsIn(text: string): string[] {
  return (text.match(COMMAND) ?? []).map((command) => command.replace(/^flyctl /, 'fly ').trim())
}

/** The lines that are code, without comment lines. */
const codeOf = (source: string) =>
  source
    .split('\n')
    .filter((line) => !/^\s*(?:\/\/|\*|\/\*)/.test(line))
    .join('\n')

const blocksOf = (markdown: string) =>
  [...markdown.matchAll(/^ *```(?:bash|sh)\n([^]*?)^ *```/gm)]
    .map(([, block]) => block)
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')

const WORDS =
  /^fly (?:agent|apps|auth|checks|deploy|ips|logs|machines?|mpg|orgs|releases|scale|secrets|ssh|status|tokens|volumes?)\b/
const NEEDS_NO_APP = /^fly (?:auth (?:login|docker)|apps create \S|orgs list)/
const ABOUT_ONE_MACHINE =
  /^fly machines? (?:status|start|stop|suspend|destroy|cordon|uncordon|update|restart|exec|leases (?:clear|view))\b/

function mistakeOf(command: string): string | undefined {
  if (NEEDS_NO_APP.test(command)) return undefined
  if (!/ (?:-a|--app)[ =]\S/.test(command)) return 'names no app'
  if (ABOUT_ONE_MACHINE.test(command) && /^ *-/.test(command.replace(ABOUT_ONE_MACHINE, '')))
    return 'names no machine'
  if (/^fly machines? destroy\b/.test(command) && !command.includes('--force')) return 'asks back'
  return undefined
}

const PRINTED = [
  ...SOURCES.map((path) => ({ path, text: codeOf(readFileSync(path, 'utf8')) })),
  ...DOCUMENTS.map((path) => ({ path, text: blocksOf(readFileSync(path, 'utf8')) })),
  { path: 'package.json', text: readFileSync('package.json', 'utf8') },
].flatMap(({ path, text }) =>
  commandsIn(text)
    .filter((command) => WORDS.test(command))
    .map((command) => [path, command] as const),
)

describe('printed commands', () => {
  test('the search finds the commands of reasons, doctor and the documents', () => {
    const paths = new Set(PRINTED.map(([path]) => path))
    for (const path of [
      'lib/provisioner/fly/reason-texts.ts',
      'commands/doctor/addresses.ts',
      'README.md',
      'docs/deploy.md',
      'package.json',
    ])
      expect(paths).toContain(path)
  })

  test.each(PRINTED)('a command in %s is complete: %s', (_path, command) => {
    expect(mistakeOf(command)).toBeUndefined()
  })

  test.each([
    ['fly logs --machine x', 'names no app'],
    ['fly machine list', 'names no app'],
    ['fly machine leases clear -a app', 'names no machine'],
    ['fly machine destroy x -a app', 'asks back'],
    ['fly machine status x -a app', undefined],
    ['fly apps create app', undefined],
  ])('the check of %s finds: %s', (command, mistake) => {
    expect(mistakeOf(command)).toBe(mistake)
  })
})
