// What only the API description needs: the shapes and texts of answers, and descriptions. A Worker serves its description from a
// file (functions/worker/describe-from-asset.ts), so its script contains none of this, and no start of a Worker makes it.

/**
 * Marks a value that only the API description reads: `described(() => value)`. wrangler replaces `navigator.userAgent` when it
 * bundles a Worker. This function is then empty, so the bundler removes each call of it with all that its argument names.
 * @returns the value; in a Worker, nothing. So no code reads it, except another `described`.
 */
export function described<Value>(make: () => Value): Value {
  if (navigator.userAgent !== 'Cloudflare-Workers') return make()
  return undefined as never
}
