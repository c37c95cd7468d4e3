// `/openapi.json` on Workers: a file that `npm ci` writes and that is deployed beside the script. Its texts and its generator
// would make the script larger, and every cold start reads all of it.
import { DomainError } from '../../lib/platform/errors.ts'
import { DESCRIPTION_PATH, serversOf } from '../description/asset.ts'
import type { DescribeApi } from '../http/openapi.ts'

/** Where the file has the address of the server. */
const SERVERS = JSON.stringify(serversOf(undefined))

/** @param read reads a file of dist/assets/; undefined without the binding ASSETS */
export const describeFromAsset =
  (read: (path: string) => Promise<Response> | undefined): DescribeApi =>
  (_app, publicUrl) =>
  async (c) => {
    const file = await read(DESCRIPTION_PATH)
    if (file?.ok !== true) {
      throw new DomainError(
        'misconfigured',
        `${DESCRIPTION_PATH} is not deployed: run npm ci, and deploy with the [assets] of wrangler.toml`,
      )
    }
    const description = (await file.text()).replace(SERVERS, () => JSON.stringify(serversOf(publicUrl)))
    return c.body(description, 200, { 'content-type': 'application/json' })
  }
