// The statements that store the files of a workspace, as parts of the statement that creates or changes it. The row of
// the workspace lists them; their contents are in a table of their own, because rows are read often.
import { type SQL, sql } from 'drizzle-orm'
import { workspaceFiles } from '../../drizzle/schema/index.ts'
import type { PreparedFile } from './files-input.ts'

/** What the row lists. */
export const listedFiles = (files: PreparedFile[]) =>
  files.map(({ bytes, path, sha256 }) => ({ path, bytes, sha256 }))

/** @param source the CTE with the id of the workspace */
export const insertFiles = (source: string, files: PreparedFile[]): SQL =>
  sql`insert into ${workspaceFiles} (workspace_id, path, base64)
      select ${sql.identifier(source)}.id, file.path, file.base64
      from ${sql.identifier(source)}, ${recordsOf(files)}
      on conflict (workspace_id, path) do update set base64 = excluded.base64
      returning path`

/** Deletes the files that are no longer among them. */
export const deleteOtherFiles = (source: string, files: PreparedFile[]): SQL =>
  sql`delete from ${workspaceFiles}
      where workspace_id in (select id from ${sql.identifier(source)})
        and path not in (select file.path from ${recordsOf(files)})
      returning path`

const recordsOf = (files: PreparedFile[]): SQL =>
  sql`jsonb_to_recordset(${JSON.stringify(files.map(({ base64, path }) => ({ path, base64 })))}::jsonb) as file(path text, base64 text)`
