// What a Worker knows of its description, which is a file: where the file is, and the one part that differs from server to
// server, where the API is.

/** In dist/assets/, which `npm ci` builds. */
export const DESCRIPTION_PATH = '/docs/openapi.json'

/** @param publicUrl PUBLIC_URL; without it, the address that the document was read from */
export const serversOf = (publicUrl: string | undefined) => [
  { url: publicUrl ?? '/', description: 'This server.' },
]
