// A root file system with Node, a shell and the sample agent, for images of a Docker daemon: containers need a real image,
// and there may be no registry. Programs and their libraries are those of this computer (Linux).
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ENTRY = join(ROOT, 'lib/emulator/node/container-main.ts')

/** What the scripts of lib/inside need, beside the shell. */
const TOOLS =
  'base64 cat chmod cp cut date dd find head kill ln ls mkdir mv readlink rm rmdir sed sha256sum sleep sort stat tail tar touch tr wc'

const run = promisify(execFile)

/** The command of the image. */
export const AGENT_COMMAND = ['/bin/node', '/app/agent.mjs']

/**
 * The archive of the root file system, in a folder that the caller removes.
 * @param entry the program that becomes the agent
 */
export async function buildSampleRoot(entry = ENTRY): Promise<{ directory: string; archive: string }> {
  const directory = mkdtempSync(join(tmpdir(), 'workspaces-image-'))
  const root = join(directory, 'root')
  for (const folder of ['app', 'tmp', 'etc', 'proc', 'sys', 'dev'])
    mkdirSync(join(root, folder), { recursive: true })
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n',
  )
  const esbuild = createRequire(import.meta.url).resolve('esbuild/bin/esbuild')
  await run(process.execPath, [
    esbuild,
    entry,
    '--bundle',
    '--platform=node',
    '--format=esm',
    "--banner:js=import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
    `--outfile=${join(root, 'app/agent.mjs')}`,
    '--log-level=error',
  ])
  copyProgram(root, process.execPath, '/bin/node')
  copyProgram(root, pathOf('sh'), '/bin/sh')
  for (const tool of TOOLS.split(' ')) {
    const path = pathOf(tool)
    if (path !== '') copyProgram(root, path, `/bin/${tool}`)
  }
  const archive = join(directory, 'root.tar')
  await run('tar', ['-C', root, '-cf', archive, '.'])
  rmSync(root, { recursive: true })
  return { directory, archive }
}

/** Builtins of the shell, such as `kill`, have no path. */
function pathOf(program: string): string {
  const found = execFileSync('sh', ['-c', `command -v ${program} || true`], { encoding: 'utf8' }).trim()
  return found.startsWith('/') ? found : ''
}

function copyProgram(root: string, from: string, to: string): void {
  cpSync(realpathSync(from), join(root, to))
  const libraries = execFileSync('ldd', [realpathSync(from)], { encoding: 'utf8' })
  for (const [, path = ''] of libraries.matchAll(/(\/\S+) \(0x/g)) {
    const target = join(root, path)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(realpathSync(path), target)
  }
}
