// The control plane's id, one per database. It labels machines, and it lets `doctor` check that PUBLIC_URL leads to
// this control plane.
import type { Database } from '../../drizzle/database.ts'
import { controlPlane } from '../../drizzle/schema/index.ts'
import { isMissingTable } from './database-errors.ts'

/**
 * @returns undefined before the migrations have run
 * @throws the driver's error when the database does not answer
 */
export async function readControlPlaneId(db: Database): Promise<string | undefined> {
  try {
    const [self] = await db.select({ id: controlPlane.id }).from(controlPlane)
    return self?.id
  } catch (error) {
    if (isMissingTable(error)) return undefined
    throw error
  }
}
