// Names that callers choose and that are the last segment of an address.
import { z } from 'zod'

/** @param example of such a name, for the error */
export const pathName = (example: string) =>
  z
    .string()
    .max(64)
    .regex(
      /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/,
      `must be 1 to 64 lower-case letters, digits and dashes, such as ${example}`,
    )
