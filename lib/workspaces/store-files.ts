// The statements that store the files of workspaces, as parts of the statement that creates or changes these. The row of
// a workspace lists them; their contents are in a table of their own, because rows are read often.
import { type Placeholder, type SQL, sql } from 'drizzle-orm'
import { workspaceFiles } from '../../drizzle/schema/index.ts'
import type { PreparedFile } from './files-input.ts'

/** What the row lists. */
export const listedFiles = (files: PreparedFile[]) =>
  files.map(({ bytes, path, sha256 }) => ({ path, bytes, sha256 }))

/** The files for {@link insertFiles}, as JSON. */
export const fileRecords = (workspaces: { id: string; files: PreparedFile[] }[]) =>
  JSON.stringify(
    workspaces.flatMap(({ files, id }) =>
      files.map(({ base64, path }) => ({ workspaceId: id, path, base64 })),
    ),
  )

/** @param source the CTE with the ids of the workspaces */
export const insertFiles = (source: string, records: string | Placeholder): SQL =>
  sql`insert into ${workspaceFiles} (workspace_id, path, base64)
      select ${sql.identifier(source)}.id, file.path, file.base64
      from ${sql.identifier(source)} join ${recordset(records)} on ${sql.identifier(source)}.id = file."workspaceId"
      on conflict (workspace_id, path) do update set base64 = excluded.base64
      returning path`

/** Deletes the files that are no longer among them. */
export const deleteOtherFiles = (source: string, records: string): SQL =>
  sql`delete from ${workspaceFiles}
      where workspace_id in (select id from ${sql.identifier(source)})
        and path not in (select file.path from ${recordset(records)})
      returning path`

const recordset = (records: string | Placeholder): SQL =>
  sql`jsonb_to_recordset(${records}::jsonb) as file("workspaceId" uuid, path text, base64 text)`
