// What a user of openapi-typescript and openapi-fetch writes. It is compiled and run by `npm run proof:generators`.
import createClient from 'openapi-fetch'
import type { paths } from './generated/api.d.ts'

const { API_TOKEN = '', API_URL = '' } = process.env
const client = createClient<paths>({ baseUrl: API_URL, headers: { Authorization: `Bearer ${API_TOKEN}` } })

function expect(what: string, isSo: boolean): asserts isSo {
  if (!isSo) throw new Error(`not so: ${what}`)
}

const header = { Prefer: 'wait=30' }
const created = await client.POST('/workspaces', {
  params: { header },
  body: { name: 'generated', runtime: 'hermes', labels: { by: 'openapi-fetch' } },
})
expect('the workspace is ready', created.data?.status === 'ready')
const { id } = created.data

const list = await client.GET('/workspaces', {
  params: { query: { label: ['by=openapi-fetch'], limit: 10 } },
})
expect('the list has it alone', list.data?.length === 1 && list.data[0]?.id === id)
const reason: string | undefined = list.data[0].reason?.provider?.text
expect('no reason is given', reason === undefined)

const removed = await client.DELETE('/workspaces/{id}', { params: { path: { id }, header } })
expect('it is removed', removed.data?.status === 'removed')

const unknown = await client.GET('/workspaces/{id}', { params: { path: { id: crypto.randomUUID() } } })
expect('a problem is typed', unknown.error?.code === 'not_found')
