// Builds what the Dockerfile would put into an image in a directory, without Docker, so that a test finds files that are missing from
// the image. It supports the instructions that our Dockerfile uses and throws for any other.
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { guardChild } from './child-guard.ts'
import { copyLockedPackages, lockedPackages } from './locked-packages.ts'
import type { Exit } from './server.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8')

export type Image = {
  directory: string
  env: Record<string, string>
  user: string
  command: string[]
  healthCheck: string[]
  /** The paths of all files in it. */
  files(): string[]
  /** Runs a command in it, as its user where this process may change its user. */
  run(command: string[], env: Record<string, string>): Running
  remove(): void
}

export type Running = {
  exited: Promise<Exit>
  /** What it has printed so far. */
  output(): string
  end(signal: NodeJS.Signals): Promise<Exit>
}

/** The user `node` of the official images. */
const NODE_USER = { uid: 1000, gid: 1000 }

/** @throws Error for an instruction that is not supported here */
export function makeImage(): Image {
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-image-'))
  chmodSync(directory, 0o755)
  const image: Image = {
    directory,
    env: {},
    user: 'root',
    command: [],
    healthCheck: [],
    files: () => readdirSync(directory, { recursive: true, encoding: 'utf8' }),
    run: (command, env) => run(image, command, env),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
  for (const line of finalStage()) {
    const [, instruction = '', rest = ''] = /^(\w+) +(.*)$/.exec(line) ?? []
    if (instruction === 'COPY') copy(rest, directory)
    else if (instruction === 'ENV')
      for (const pair of rest.split(' ')) {
        const [name = '', value = ''] = pair.split('=')
        image.env[name] = value
      }
    else if (instruction === 'USER') image.user = rest
    else if (instruction === 'CMD') image.command = JSON.parse(rest) as string[]
    else if (instruction === 'HEALTHCHECK')
      image.healthCheck = JSON.parse(rest.replace(/^.*?CMD /, '')) as string[]
    else if (!['FROM', 'WORKDIR', 'RUN', 'EXPOSE'].includes(instruction)) throw new Error(`${line}?`)
  }
  return image
}

function run(
  { directory, env: imageEnv, user }: Image,
  [program, ...args]: string[],
  env: Record<string, string>,
): Running {
  if (program !== 'node' || user !== 'node') throw new Error(`${program} as ${user}?`)
  const child = spawn(process.execPath, args, {
    cwd: directory,
    env: { ...imageEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(mayBecome(NODE_USER) ? NODE_USER : {}),
  })
  const release = guardChild(child.pid)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      release()
      resolve({ code, signal })
    })
  })
  return {
    exited,
    output: () => output,
    async end(signal) {
      child.kill(signal)
      return exited
    },
  }
}

/** Root may, unless this Node is in a directory that other users cannot read. */
const mayBecome = (user: typeof NODE_USER) =>
  process.getuid?.() === 0 && spawnSync(process.execPath, ['--version'], user).status === 0

function finalStage(): string[] {
  const lines = read('Dockerfile')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  return lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')))
}

function copy(rest: string, directory: string): void {
  if (rest === '--from=packages /app/node_modules ./node_modules')
    copyLockedPackages(lockedPackages('packages/server'), directory)
  else if (rest === '. .') copyContext(directory)
  else if (rest === '--from=built /app/dist ./dist') {
    cpSync(join(ROOT, 'dist/assets'), join(directory, 'dist/assets'), { recursive: true })
    buildServer(join(directory, 'dist/server'))
  } else throw new Error(`COPY ${rest}?`)
}

/** As the Dockerfile does, from the files of the image and with the development dependencies. */
function buildServer(directory: string): void {
  const stage = mkdtempSync(join(tmpdir(), 'workspaces-image-build-'))
  try {
    copyContext(stage)
    symlinkSync(join(ROOT, 'node_modules'), join(stage, 'node_modules'))
    const { status, stderr } = spawnSync(process.execPath, ['commands/build-server.ts'], {
      cwd: stage,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(stderr)
    cpSync(join(stage, 'dist/server'), directory, { recursive: true })
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

function copyContext(directory: string): void {
  for (const path of filesOfContext()) {
    mkdirSync(join(directory, dirname(path)), { recursive: true })
    cpSync(join(ROOT, path), join(directory, path))
  }
}

/** It reads no directory of which nothing is copied: that of the packages has tens of thousands of files. */
function filesOfContext(): string[] {
  const rules = read('.dockerignore')
  const isIgnored = createIgnore(rules)
  const list = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      if (!entry.isDirectory()) return isIgnored(path) ? [] : [path]
      return isIgnored(path) && !rules.includes(`\n!${path}/`) ? [] : list(path)
    })
  return list('')
}

/** Docker's rule: the last pattern that matches the path or a directory above it decides. Unlike in a shell, `*` matches dots too. */
function createIgnore(text: string): (path: string) => boolean {
  const patterns = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ isException: line.startsWith('!'), fits: toRegExp(line.replace(/^!/, '')) }))
  return (path) => {
    const parts = path.split('/')
    const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
    let isIgnored = false
    for (const { fits, isException } of patterns) {
      if (above.some((name) => fits.test(name))) isIgnored = !isException
    }
    return isIgnored
  }
}

const toRegExp = (glob: string) =>
  new RegExp(
    `^${glob
      .split('**/')
      .map((part) => part.replaceAll('.', '\\.').replaceAll('*', '[^/]*'))
      .join('(.*/)?')}$`,
  )
