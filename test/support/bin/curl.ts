// Replaces curl where it is not installed. It supports the flags of the tutorial and `connect-to` in CURL_HOME/.curlrc.
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    silent: { type: 'boolean', short: 's' },
    request: { type: 'string', short: 'X' },
    header: { type: 'string', short: 'H', multiple: true },
    data: { type: 'string', short: 'd' },
  },
})
const url = new URL(positionals[0] ?? '')
const settings = readFileSync(join(process.env['CURL_HOME'] ?? '', '.curlrc'), 'utf8')
const [, from, host, port] = /^connect-to = "(.*?:.*?):(.*?):(.*?)"$/m.exec(settings) ?? []
const outgoing = request({
  host: from === url.host ? host : url.hostname,
  port: from === url.host ? port : url.port,
  path: url.pathname + url.search,
  method: values.request ?? (values.data === undefined ? 'GET' : 'POST'),
  headers: ['Host', url.host, ...(values.header ?? []).flatMap((line) => line.split(/: (.*)/s).slice(0, 2))],
})
outgoing.on('error', () => process.exit(7))
outgoing.on('response', (incoming) => incoming.pipe(process.stdout))
outgoing.end(values.data)
