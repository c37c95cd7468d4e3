// Files in the machine of a workspace: directories, contents, downloads, uploads, removal.
import { useState } from 'preact/hooks'
import type { components, Workspace } from '../../client/client.ts'
import { currentClient } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Empty } from '../ui/empty.tsx'
import { bytes } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { Table } from '../ui/table.tsx'

type Entry = components['schemas']['FileEntry']

/** A larger file is downloaded, not shown. */
const SHOWN_BYTES = 256 * 1024

export function Files({ workspace: { disk, id } }: { workspace: Workspace }) {
  const [path, setPath] = useState(disk?.path ?? '/')
  const [shown, setShown] = useState<{ path: string; text: string }>()
  const list = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/files', {
      params: { path: { id }, query: { path } },
    })
    return (data?.entries ?? [])
      .map(withPlainPath)
      .toSorted(
        (a, b) =>
          Number(b.type === 'directory') - Number(a.type === 'directory') || (a.name < b.name ? -1 : 1),
      )
  }, [id, path])
  const open = useAction(async (entry: Entry) => {
    if (entry.type === 'directory') {
      setShown(undefined)
      setPath(entry.path)
      return
    }
    const response = await currentClient().readFile(id, entry.path)
    if (entry.size > SHOWN_BYTES) return save(await response.blob(), entry.name)
    setShown({ path: entry.path, text: await response.text() })
  })
  const download = useAction(async (entry: Entry) => {
    const response = await currentClient().readFile(id, entry.path)
    save(await response.blob(), entry.name)
  })
  const upload = useAction(async (file: File) => {
    await currentClient().api.PUT('/workspaces/{id}/files/content', {
      params: { path: { id }, query: { path: `${path === '/' ? '' : path}/${file.name}` } },
      headers: { 'content-type': 'application/octet-stream' },
      body: file as never,
      bodySerializer: (body: unknown) => body as Blob,
    })
    list.reload()
  })
  const problem = list.problem ?? open.problem ?? download.problem ?? upload.problem

  return (
    <>
      <div class="tab-bar">
        <PathCrumbs
          path={path}
          onChoose={(chosen) => {
            setShown(undefined)
            setPath(chosen)
          }}
        />
        <span class="bar-space" />
        <label class="button">
          {upload.isBusy ? 'Uploading…' : 'Upload a file'}
          <input
            type="file"
            class="visually-hidden"
            onChange={(event) => {
              const file = event.currentTarget.files?.[0]
              event.currentTarget.value = ''
              if (file !== undefined) upload.run(file)
            }}
          />
        </label>
        <ShowCommands
          request={{ method: 'GET', path: `/workspaces/${id}/files?path=${encodeURIComponent(path)}` }}
        />
      </div>
      {problem !== undefined && <Problem problem={problem} onRetry={list.reload} />}
      {list.value === undefined && problem === undefined && (
        <p class="muted" role="status">
          Reading {path}…
        </p>
      )}
      {list.value?.length === 0 && <Empty title="This directory is empty." />}
      {list.value !== undefined && list.value.length > 0 && (
        <Table columns={['Name', 'Size', 'Changed', 'Mode', '']}>
          {list.value.map((entry) => (
            <tr key={entry.path}>
              <td>
                <button type="button" class="button-link file-name" onClick={() => open.run(entry)}>
                  <Icon name={entry.type === 'directory' ? 'folder' : 'file'} /> {entry.name}
                </button>
              </td>
              <td class="number">{entry.type === 'directory' ? '' : bytes(entry.size)}</td>
              <td>
                <Time at={entry.modified} />
              </td>
              <td>
                <code>{entry.mode}</code>
              </td>
              <td class="actions">
                {entry.type === 'file' && (
                  <button
                    type="button"
                    class="button button-small"
                    aria-label={`Download ${entry.name}`}
                    onClick={() => download.run(entry)}
                  >
                    Download
                  </button>
                )}
                <Confirm
                  label="Delete"
                  name={`Delete ${entry.name}`}
                  question={`Delete ${entry.name}?`}
                  perform={async () => {
                    await currentClient().api.DELETE('/workspaces/{id}/files/content', {
                      params: {
                        path: { id },
                        query: {
                          path: entry.path,
                          ...(entry.type === 'directory' ? { recursive: 'true' as const } : {}),
                        },
                      },
                    })
                    list.reload()
                  }}
                >
                  <p>
                    <code>{entry.path}</code> is deleted from the machine
                    {entry.type === 'directory' ? ', with everything in it' : ''}. This cannot be undone.
                  </p>
                </Confirm>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {shown !== undefined && (
        <section class="panel" aria-label={shown.path}>
          <h2>{shown.path}</h2>
          <pre class="output">{shown.text}</pre>
        </section>
      )}
    </>
  )
}

/**
 * The API gives the path as a query needs it, in which a name may have any bytes. Names that are not UTF-8 keep it, and are only for
 * commands.
 */
function withPlainPath(entry: Entry): Entry {
  try {
    return { ...entry, path: decodeURIComponent(entry.path) }
  } catch {
    return entry
  }
}

function PathCrumbs({ onChoose, path }: { path: string; onChoose: (path: string) => void }) {
  const names = path.split('/').filter(Boolean)
  return (
    <nav class="crumbs" aria-label="Directory">
      <button type="button" class="button-link" onClick={() => onChoose('/')}>
        /
      </button>
      {names.map((name, index) => (
        <button
          key={index}
          type="button"
          class="button-link"
          aria-current={index === names.length - 1 ? 'location' : undefined}
          onClick={() => onChoose(`/${names.slice(0, index + 1).join('/')}`)}
        >
          {name}
          {index < names.length - 1 && ' /'}
        </button>
      ))}
    </nav>
  )
}

/** Offers bytes as a file. The browser never opens them, whatever they contain. */
function save(content: Blob, name: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: 'application/octet-stream' }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}
