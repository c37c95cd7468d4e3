// Marks a workspace as at work, for all processes, while an answer takes long.
import type { Core } from '../platform/context.ts'
import { touchWorkspace } from '../workspaces/hibernate.ts'

/**
 * How often a long exchange marks its workspace as at work, in milliseconds: well within the shortest idle time of a
 * minute. The first mark comes earlier, and most exchanges end before it.
 */
const TOUCH_INTERVAL_MS = 20_000
const FIRST_TOUCH_MS = 5_000

/** Begins when it is made. */
export class BusyMark {
  readonly #services: Core
  readonly #workspaceId: string
  /** Undefined once the mark has ended. */
  #cancel: (() => void) | undefined

  constructor(services: Core, workspaceId: string) {
    this.#services = services
    this.#workspaceId = workspaceId
    this.#cancel = services.after(FIRST_TOUCH_MS, () => this.#touch())
  }

  end(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #touch(): void {
    void touchWorkspace(this.#services, this.#workspaceId)
      .catch(() => {})
      .finally(() => {
        if (this.#cancel !== undefined)
          this.#cancel = this.#services.after(TOUCH_INTERVAL_MS, () => this.#touch())
      })
  }
}
