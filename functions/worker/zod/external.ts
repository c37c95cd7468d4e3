// The part of zod that the Worker and its packages use; test/worker/bundle.test.ts finds what is missing.
export {
  array,
  base64,
  boolean,
  discriminatedUnion,
  enum,
  int,
  lazy,
  literal,
  looseObject,
  null,
  number,
  object,
  pipe,
  preprocess,
  record,
  strictObject,
  string,
  transform,
  union,
  unknown,
  url,
  uuid,
  ZodObject,
  ZodType,
} from '../../../node_modules/zod/v4/classic/schemas.js'
export { ZodError } from '../../../node_modules/zod/v4/classic/errors.js'
export { config, NEVER, toJSONSchema } from '../../../node_modules/zod/v4/core/index.js'
export * as coerce from './coerce.ts'
export * as iso from './iso.ts'
