// Reads responses in commands, up to a limit: they also ask servers and registries of others.
import { readBoundedText } from '../lib/platform/bounded-reader.ts'

const MAX_BYTES = 16 * 1024 * 1024

/** @throws BodyTooLarge */
export const readText = (response: Response): Promise<string> => readBoundedText(response, MAX_BYTES)

/** @throws BodyTooLarge, SyntaxError */
export const readJson = async (response: Response): Promise<unknown> =>
  JSON.parse(await readText(response)) as unknown
