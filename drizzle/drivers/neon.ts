// Neon over HTTP, for Workers: one fetch a statement, no socket to keep, nothing to clean up.
import { neon, neonConfig } from '@neondatabase/serverless'
import { drizzle } from 'drizzle-orm/neon-http'
import type { Counter, OpenDatabase } from '../database.ts'

/**
 * @param url the Neon connection string
 * @param endpoint where the driver posts its statements instead of the address it derives from `url`: a local bridge
 *   to a plain Postgres, for development and tests
 * @param counter counts the statements of this connection
 */
export function connectNeon(url: string, endpoint?: string, counter?: Counter): OpenDatabase {
  if (endpoint !== undefined) neonConfig.fetchEndpoint = () => endpoint
  neonConfig.fetchFunction = countedFetch
  const db = drizzle(neon(url, counter === undefined ? {} : { fetchOptions: { counter } }), {
    casing: 'snake_case',
  })
  return { db, driver: 'neon', close: () => Promise.resolve() }
}

/** The driver has one fetch for all connections; what is a connection's own comes with the options. */
function countedFetch(
  url: string,
  { counter, ...init }: RequestInit & { counter?: Counter },
): Promise<Response> {
  counter?.spend()
  return fetch(url, init)
}
