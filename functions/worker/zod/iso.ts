// The part of `z.iso` that the Worker uses.
export { datetime } from '../../../node_modules/zod/v4/classic/iso.js'
