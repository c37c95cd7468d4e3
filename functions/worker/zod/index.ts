// Stands for `zod` in the Worker's bundle (wrangler.toml, `alias`), which is a sixth smaller by it.
import * as z from './external.ts'
export * from './external.ts'
export { z, z as default }
