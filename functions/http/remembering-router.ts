// The router of the app: Hono's trie, which searches with each request, and remembers what it found for paths without parameters.
// Hono's default tries its faster router first, which cannot express these routes.
import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'

export class RememberingRouter<Handler> implements Router<Handler> {
  readonly name = 'RememberingRouter'
  readonly #routes: Parameters<Router<Handler>['add']>[] = []
  readonly #fixedPaths = new Set<string>()
  readonly #found = new Map<string, Result<Handler>>()
  #trie: TrieRouter<Handler> | undefined

  add(...route: Parameters<Router<Handler>['add']>): void {
    this.#routes.push(route)
    if (!/[:*]/.test(route[1])) this.#fixedPaths.add(route[1])
    this.#trie = undefined
    this.#found.clear()
  }

  match(method: string, path: string): Result<Handler> {
    // Callers choose other paths, and could fill the memory with them.
    if (!this.#fixedPaths.has(path)) return this.#search(method, path)
    const key = `${method} ${path}`
    let found = this.#found.get(key)
    if (found === undefined) {
      found = this.#search(method, path)
      this.#found.set(key, found)
    }
    return found
  }

  /** The first search builds the trie: an app that is mounted in another one needs none. */
  #search(method: string, path: string): Result<Handler> {
    if (this.#trie === undefined) {
      this.#trie = new TrieRouter()
      for (const route of this.#routes) this.#trie.add(...route)
    }
    return this.#trie.match(method, path)
  }
}
