// What a user of orval writes, with its fetch client. It is compiled and run by `npm run proof:generators`.
import { createWorkspace, getWorkspace, listWorkspaces, removeWorkspace } from './generated/api'

const { API_TOKEN = '' } = process.env
const headers = { Authorization: `Bearer ${API_TOKEN}`, Prefer: 'wait=30' }

function expect(what: string, isSo: boolean): asserts isSo {
  if (!isSo) throw new Error(`not so: ${what}`)
}

const created = await createWorkspace(
  { name: 'generated', runtime: 'hermes', labels: { by: 'orval' } },
  { headers },
)
expect('the workspace is ready', created.status === 201 && created.data.status === 'ready')
const { id } = created.data

const list = await listWorkspaces({ label: ['by=orval'], limit: 10 }, { headers })
expect('the list has it alone', list.status === 200 && list.data.length === 1 && list.data[0]?.id === id)
const reason: string | undefined = list.data[0].reason?.provider?.text
expect('no reason is given', reason === undefined)

const removed = await removeWorkspace(id, {}, { headers })
expect('it is removed', removed.status === 200 && removed.data.status === 'removed')

const unknown = await getWorkspace(crypto.randomUUID(), { headers })
expect('a problem is typed', unknown.status === 404 && unknown.data.code === 'not_found')
