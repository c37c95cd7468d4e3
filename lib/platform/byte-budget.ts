// Bounds the memory that bodies of unknown senders occupy at the same time in one process.

export type ByteBudget = {
  /** @returns whether the bytes may be kept; if so, they count until they are given back */
  take(bytes: number): boolean
  giveBack(bytes: number): void
}

export function createByteBudget(limit: number): ByteBudget {
  let taken = 0
  return {
    take(bytes) {
      if (taken + bytes > limit) return false
      taken += bytes
      return true
    },
    giveBack(bytes) {
      taken -= bytes
    },
  }
}
