// Where the command line finds its server and token: flags, then environment variables, then the file that `login`
// writes. Only its owner can read the file, because it contains a token.
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export type Settings = { url: string; token: string | undefined }

export const DEFAULT_URL = 'http://localhost:8080'

/** The file, by the XDG convention. MOLECULE_FLY_CONFIG replaces it. */
export const settingsFile = (env: NodeJS.ProcessEnv = process.env): string =>
  env['MOLECULE_FLY_CONFIG'] ??
  join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'molecule-fly', 'config.json')

export function readSettings(
  flags: { url?: string | undefined; token?: string | undefined },
  env: NodeJS.ProcessEnv = process.env,
): Settings {
  const stored = readStored(settingsFile(env))
  const url = flags.url ?? env['MOLECULE_FLY_URL'] ?? stored.url ?? DEFAULT_URL
  // A stored token belongs to the stored server, and is sent to no other one.
  const storedToken = url === stored.url ? stored.token : undefined
  return { url, token: flags.token ?? env['MOLECULE_FLY_TOKEN'] ?? storedToken }
}

export function writeSettings(settings: Settings, file = settingsFile()): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(file, `${JSON.stringify(settings, undefined, 2)}\n`, { mode: 0o600 })
  // The mode of an existing file is not changed by writing it.
  chmodSync(file, 0o600)
}

export const deleteSettings = (file = settingsFile()): void => rmSync(file, { force: true })

function readStored(file: string): Partial<Settings> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Partial<Settings>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new Error(`${file} cannot be read: ${(error as Error).message}; run 'molecule-fly login' again`, {
      cause: error,
    })
  }
}
