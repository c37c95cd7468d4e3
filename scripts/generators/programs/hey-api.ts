// What a user of @hey-api/openapi-ts writes. It is compiled and run by `npm run proof:generators`.
import { client } from './generated/client.gen'
import { createWorkspace, getWorkspace, listWorkspaces, removeWorkspace } from './generated'

const { API_TOKEN = '', API_URL = '' } = process.env
client.setConfig({ baseUrl: API_URL, auth: API_TOKEN })

function expect(what: string, isSo: boolean): asserts isSo {
  if (!isSo) throw new Error(`not so: ${what}`)
}

const headers = { Prefer: 'wait=30' }
const created = await createWorkspace({
  headers,
  body: { name: 'generated', runtime: 'hermes', labels: { by: 'hey-api' } },
})
expect('the workspace is ready', created.data?.status === 'ready')
const { id } = created.data

const list = await listWorkspaces({ query: { label: ['by=hey-api'], limit: 10 } })
expect('the list has it alone', list.data?.length === 1 && list.data[0]?.id === id)
const reason: string | undefined = list.data[0].reason?.provider?.text
expect('no reason is given', reason === undefined)

const removed = await removeWorkspace({ path: { id }, headers })
expect('it is removed', removed.data?.status === 'removed')

const unknown = await getWorkspace({ path: { id: crypto.randomUUID() } })
expect('a problem is typed', unknown.error?.code === 'not_found')
