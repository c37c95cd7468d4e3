// The part of `z.coerce` that the Worker uses.
export { number } from '../../../node_modules/zod/v4/classic/coerce.js'
