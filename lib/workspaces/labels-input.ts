// Labels: key/value pairs by which people group and find workspaces.
import { z } from 'zod'
import { boundedText } from '../platform/postgres-text.ts'

export const MAX_LABELS = 32

const LabelKey = z
  .string()
  .max(63)
  .regex(/^[a-z0-9][a-z0-9._/-]*$/, 'must be lower-case letters, digits and ._/- (at most 63), such as team')

const LabelValue = boundedText()
  .max(255)
  // oxlint-disable-next-line eslint/no-control-regex -- control characters are what is refused
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain line breaks or control characters')

export const Labels = z
  .record(LabelKey, LabelValue)
  .refine(
    (labels) => Object.keys(labels).length <= MAX_LABELS,
    `must not have more than ${MAX_LABELS} labels`,
  )

/** Labels by name; null removes one. */
export const LabelChanges = z.record(LabelKey, LabelValue.nullable())
