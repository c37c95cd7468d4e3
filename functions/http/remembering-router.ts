// The router of the app: Hono's trie, which searches with each request, and remembers what it found for paths without parameters.
// Hono's default tries its faster router first, which cannot express these routes.
import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'

export class RememberingRouter<Handler> implements Router<Handler> {
  readonly name = 'RememberingRouter'
  readonly #trie = new TrieRouter<Handler>()
  readonly #fixedPaths = new Set<string>()
  readonly #found = new Map<string, Result<Handler>>()

  add(method: string, path: string, handler: Handler): void {
    this.#trie.add(method, path, handler)
    if (!/[:*]/.test(path)) this.#fixedPaths.add(path)
    this.#found.clear()
  }

  match(method: string, path: string): Result<Handler> {
    // Callers choose other paths, and could fill the memory with them.
    if (!this.#fixedPaths.has(path)) return this.#trie.match(method, path)
    const key = `${method} ${path}`
    let found = this.#found.get(key)
    if (found === undefined) {
      found = this.#trie.match(method, path)
      this.#found.set(key, found)
    }
    return found
  }
}
