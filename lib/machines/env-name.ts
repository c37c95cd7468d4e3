// The schema of environment variable names in requests.
import { z } from 'zod'

export const EnvName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]{0,254}$/,
    'must be letters, digits and underscores, not starting with a digit',
  )
