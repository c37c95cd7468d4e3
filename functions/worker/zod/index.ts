// Replaces `zod` in the Worker's bundle (wrangler.toml, `alias`), which makes the bundle a sixth smaller.
import * as z from './external.ts'
export * from './external.ts'
export { z, z as default }
