// The surroundings of functions that also read settings.
import type { Core } from '../platform/context.ts'
import type { Config } from './config.ts'

export type Context = Core & { config: Config }
