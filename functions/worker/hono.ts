// Replaces `hono` in the Worker's bundle (wrangler.toml, `[alias]`): it lacks the routers that Hono chooses from, of which this app
// uses none but its own.
import { HonoBase, type HonoOptions } from 'hono/hono-base'
import type { Env } from 'hono/types'
import { RememberingRouter } from '../http/remembering-router.ts'

export class Hono<E extends Env> extends HonoBase<E> {
  constructor(options: HonoOptions<E> = {}) {
    super(options)
    this.router = options.router ?? new RememberingRouter()
  }
}
