// Neon over HTTP, for Workers: one fetch a statement, no socket to keep, nothing to clean up.
import { neon, neonConfig } from '@neondatabase/serverless'
import { drizzle } from 'drizzle-orm/neon-http'
import type { OpenDatabase } from './database.ts'
import * as schema from './schema.ts'

/**
 * @param url the Neon connection string
 * @param endpoint where the driver posts its statements instead of the address it derives from `url`: a local bridge to
 *   a plain Postgres, for development and tests
 */
export function connectNeon(url: string, endpoint?: string): OpenDatabase {
  if (endpoint !== undefined) neonConfig.fetchEndpoint = () => endpoint
  const db = drizzle(neon(url), { schema, casing: 'snake_case' })
  return { db, driver: 'neon', close: () => Promise.resolve() }
}
