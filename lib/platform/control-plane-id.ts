// Who this control plane is: one per database, whichever process asks. Machines carry its id, and doctor knows by it whether
// what answers at PUBLIC_URL is the server that it was asked about.
import type { Database } from '../../drizzle/database.ts'
import { controlPlane } from '../../drizzle/schema/index.ts'
import { isMissingTable } from './database-errors.ts'

/**
 * @returns undefined where the migrations have not been run
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
