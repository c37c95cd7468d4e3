// Requests about files of one workspace, for the tests of files.
import { createHash, randomBytes } from 'node:crypto'
import { createHarness } from './harness.ts'

export type Entry = {
  name: string
  path: string
  type: string
  size: number
  modified: string
  mode: string
}

/** Larger than two chunks, and no multiple of one. */
export const LARGE = randomBytes(5_000_001)

/** Names that a shell or a parser could misread. */
export const HOSTILE = [
  `with space, "double" and 'single'`,
  '$(touch pwned) `touch pwned`; touch pwned',
  'new\nline\n',
  '--help',
  '*',
  '...',
  'tab\tand\u0001control\\',
  'ünïcode 🤖 %41',
]

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** The value of `path` in a query. */
export const at = (path: string) => `path=${encodeURIComponent(path)}`

export const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer())

export type MachineFiles = Awaited<ReturnType<typeof openMachineFiles>>

export async function openMachineFiles() {
  const h = await createHarness()
  const { id } = await h.createWorkspace()
  const { id: machine } = await h.machineOf(id)
  const files = (rest = '') => `/workspaces/${id}/files${rest}`
  const list = async (path: string) =>
    (await h.request<{ entries: Entry[] }>(files(`?${at(path)}`))).body.entries
  await list('/')
  return {
    h,
    files,
    list,
    /** The directory that stands for the root of the machine. */
    root: h.rootOf(machine),
    put: (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
      h.request(files(`/content?${at(path)}`), {
        method: 'PUT',
        body,
        headers: { 'content-type': 'application/octet-stream', ...headers },
      }),
    get: (path: string, headers: Record<string, string> = {}) =>
      h.fetchRaw(files(`/content?${at(path)}`), { headers }),
    remove: (path: string, query = '', headers: Record<string, string> = {}) =>
      h.request(files(`/content?${at(path)}${query}`), { method: 'DELETE', headers }),
    archive: (path: string, init: RequestInit = {}) =>
      h.fetchRaw(files(`/archive?${at(path)}`), { method: 'POST', ...init }),
  }
}
