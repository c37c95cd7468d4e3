// The generators, at exact versions: what each is installed from, how it makes a client, and how the program that uses the
// client is compiled and run.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { npm, type Part, python } from '../field/parts.ts'
import { runStep } from '../field/run-step.ts'

export type Target = { url: string; token: string }

type Generator = {
  part: Part
  /** @param path of the installed part; @throws Error with the output of the step that failed */
  prove: (path: string, target: Target) => Promise<void>
}

const PROGRAMS = join(import.meta.dirname, 'programs')

const TYPESCRIPT = ['typescript@5.9.3', '@types/node@24.19.4']

/** The strictest settings that code of these generators is made for. */
const COMPILER_OPTIONS = {
  strict: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noFallthroughCasesInSwitch: true,
  noImplicitReturns: true,
  module: 'esnext',
  moduleResolution: 'bundler',
  target: 'es2023',
  lib: ['es2023', 'dom', 'dom.iterable'],
  types: ['node'],
  allowImportingTsExtensions: true,
  noEmit: true,
}

/** openapi-python-client asks what other bodies than JSON are, and formats with tools that are not installed here. */
const PYTHON_CONFIG = {
  content_type_overrides: { 'application/x-tar': 'application/octet-stream' },
  post_hooks: [],
}

/** Each generator by its name, which is also the name of its program in `programs/`. */
export const GENERATORS: Readonly<Record<string, Generator>> = {
  'openapi-fetch': typescript(
    'openapi-fetch',
    ['openapi-typescript@7.13.0', 'openapi-fetch@0.17.0'],
    (input) => ['openapi-typescript', input, '--output', 'generated/api.d.ts'],
  ),
  'hey-api': typescript('hey-api', ['@hey-api/openapi-ts@0.99.0'], (input) => [
    'openapi-ts',
    '--input',
    input,
    '--output',
    'generated',
    '--no-log-file',
  ]),
  orval: typescript('orval', ['orval@8.38.0'], () => [
    'orval',
    '--config',
    'orval.config.mjs',
    '--fail-on-warnings',
  ]),
  'openapi-python-client': {
    part: python('openapi-python-client==0.29.1', 'mypy==2.4.1', 'types-python-dateutil==2.9.0.20261116'),
    prove: provePython,
  },
}

/** @param generate the command of the generator, from the address of the description */
function typescript(name: string, packages: string[], generate: (input: string) => string[]): Generator {
  return {
    part: npm(...packages, ...TYPESCRIPT),
    async prove(path, target) {
      const bin = (program: string) => join(path, 'node_modules/.bin', program)
      const program = join(path, 'program.ts')
      const bundle = join(path, 'program.mjs')
      const input = `${target.url}/openapi.json`
      rmSync(join(path, 'generated'), { recursive: true, force: true })
      copyFileSync(join(PROGRAMS, `${name}.ts`), program)
      const compiler = { compilerOptions: COMPILER_OPTIONS, include: ['program.ts', 'generated'] }
      writeFileSync(join(path, 'tsconfig.json'), JSON.stringify(compiler))
      if (name === 'orval') writeFileSync(join(path, 'orval.config.mjs'), orvalConfig(input, target.url))
      const [command = '', ...args] = generate(input)
      await runStep(bin(command), args, path)
      await runStep(bin('tsc'), [], path)
      await build({
        entryPoints: [program],
        outfile: bundle,
        bundle: true,
        platform: 'node',
        format: 'esm',
        logLevel: 'silent',
      })
      await runStep(process.execPath, [bundle], path, settingsOf(target))
    },
  }
}

/** Its fetch client has the address of the server in its code. */
const orvalConfig = (input: string, baseUrl: string) =>
  `export default ${JSON.stringify({ api: { input, output: { target: 'generated/api.ts', client: 'fetch', baseUrl } } })}\n`

async function provePython(python: string, target: Target): Promise<void> {
  const bin = join(python, '..')
  const directory = join(bin, '../work')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory)
  writeFileSync(join(directory, 'config.json'), JSON.stringify(PYTHON_CONFIG))
  copyFileSync(join(PROGRAMS, 'openapi_python_client.py'), join(directory, 'program.py'))
  const input = ['--url', `${target.url}/openapi.json`, '--config', 'config.json']
  const output = ['--meta', 'none', '--output-path', 'generated', '--fail-on-warning']
  await runStep(join(bin, 'openapi-python-client'), ['generate', ...input, ...output], directory)
  await runStep(join(bin, 'mypy'), ['--strict', '--module', 'program', '--package', 'generated'], directory)
  await runStep(python, ['program.py'], directory, settingsOf(target))
}

/** What the programs read. */
const settingsOf = ({ token, url }: Target) => ({ API_URL: url, API_TOKEN: token })
