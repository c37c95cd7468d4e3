// The routes of files in the API description.
import { createRoute, z } from '@hono/zod-openapi'
import { described } from '../../../lib/platform/described.ts'
import { IdParam, json, problem } from '../../http/openapi.ts'

const query = z.object({ path: z.string() })

const binary = (type: string) => ({ [type]: { schema: z.string().openapi({ format: 'binary' }) } })

const header = z.string().optional()
const conditions = { 'if-match': header, 'if-none-match': header }
const digest = { 'content-digest': header }

const failures = described(() => ({
  400: problem('`path` is invalid, or does not lead to what the request needs.'),
  404: problem('No such workspace, or no such file in its machine.'),
  409: problem(
    'The workspace is paused or failed, its image lacks a tool, or the machine refuses it; `reason` says why.',
  ),
  503: problem('The machine does not run yet, or cannot be reached; `reason` says why.'),
}))

const TOOLS = described(
  () =>
    'Needs the scope `exec`, because files can be secrets and programs. The image needs `sh` and the tools of every small Linux image.',
)

const Entry = described(() =>
  z
    .object({
      name: z.string().describe('The name; bytes that are not UTF-8 are shown as U+FFFD.'),
      path: z
        .string()
        .describe('The value of `path` in a query that leads to it, also where its name is not UTF-8.'),
      type: z.enum(['file', 'directory', 'link', 'other']).describe('What it is; a link is not followed.'),
      size: z.int().describe('Bytes.'),
      modified: z.iso.datetime().describe('When it was last changed, in whole seconds.'),
      mode: z.string().describe('Permissions in octal, such as `0644`.'),
    })
    .openapi('FileEntry'),
)

const Written = described(() =>
  z
    .object({
      size: z.int().describe('Bytes that were written.'),
      sha256: z.string().describe('The checksum that the machine computed, in hex.'),
    })
    .openapi('FileWritten'),
)

export const listRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/files',
  operationId: 'listFiles',
  description: described(() => `What is in a directory of the machine. ${TOOLS}`),
  request: { params: IdParam, query },
  responses: described(() => ({
    200: json(
      z.object({ entries: z.array(Entry).describe('In the order of their names, at most 10000.') }),
      'The entries.',
    ),
    ...failures,
  })),
})

export const readRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/files/content',
  operationId: 'readFile',
  description: described(
    () =>
      `A file of the machine, up to 100 MiB. Its \`ETag\` is its SHA-256. If the file changes while it is read, the connection ends before its last byte. ${TOOLS}`,
  ),
  request: {
    params: IdParam,
    query,
    headers: z.object({
      ...conditions,
      range: header,
      'if-range': header,
    }),
  },
  responses: described(() => ({
    200: { content: binary('application/octet-stream'), description: 'The file.' },
    206: { content: binary('application/octet-stream'), description: 'The range of the file.' },
    304: { description: 'The file has the `ETag` of `If-None-Match`.' },
    ...failures,
    412: problem('The file does not have the `ETag` of `If-Match`.'),
    413: problem('The file is larger than 100 MiB.'),
    416: problem('The range begins behind the end of the file.'),
  })),
})

export const writeRoute = createRoute({
  method: 'put',
  path: '/workspaces/{id}/files/content',
  operationId: 'writeFile',
  description: described(
    () =>
      `Writes a file, up to 100 MiB: beside its place first, and then renamed, so that the old file is whole until the new one is. Directories above it are made. A link is replaced, not followed. ${TOOLS}`,
  ),
  request: {
    params: IdParam,
    query,
    headers: z.object({ ...conditions, ...digest }),
    body: { required: true, content: binary('application/octet-stream') },
  },
  responses: described(() => ({
    200: json(Written, 'The file was replaced.'),
    201: json(Written, 'The file was created.'),
    ...failures,
    412: problem('The file is not the one that the condition names. Nothing was changed.'),
    413: problem('The body is larger than 100 MiB, or than SUBREQUEST_LIMIT allows. Nothing was changed.'),
  })),
})

export const deleteRoute = createRoute({
  method: 'delete',
  path: '/workspaces/{id}/files/content',
  operationId: 'deleteFile',
  description: described(() => `Removes a file, a link or a directory. ${TOOLS}`),
  request: {
    params: IdParam,
    query: query.extend({
      recursive: z.enum(['true', 'false']).optional(),
    }),
    headers: z.object({ 'if-match': header }),
  },
  responses: described(() => ({
    204: { description: 'Removed.' },
    ...failures,
    412: problem('The file does not have the `ETag` of `If-Match`.'),
  })),
})

export const archiveRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/files/archive',
  operationId: 'archiveFiles',
  description: described(
    () =>
      `Without a body: a directory as a tar archive, up to 100 MiB. With a body of the type \`application/x-tar\`: unpacks it into the directory, which is made. Each file gets its name by a rename when all are unpacked; files of the same name are replaced, others stay. ${TOOLS}`,
  ),
  request: {
    params: IdParam,
    query,
    headers: z.object(digest),
    body: { required: false, content: binary('application/x-tar') },
  },
  responses: described(() => ({
    200: { content: binary('application/x-tar'), description: 'The archive.' },
    201: json(Written, 'The archive of the request was unpacked.'),
    ...failures,
    413: problem('The archive is larger than 100 MiB, or than SUBREQUEST_LIMIT allows.'),
    415: problem('The body is not `application/x-tar`.'),
  })),
})
