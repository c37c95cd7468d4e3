// Replaces jq where it is not installed. It supports one path such as `.result.parts[0].text`, or `.`, with or without -r.
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'raw-output': { type: 'boolean', short: 'r' } },
})
let found: unknown = JSON.parse(await text(process.stdin))
for (const key of (positionals[0] ?? '.').split(/[.[\]]+/).filter(Boolean)) {
  found = (found as Record<string, unknown> | null | undefined)?.[key] ?? null
}
console.log(
  values['raw-output'] === true && typeof found === 'string' ? found : JSON.stringify(found, null, 2),
)
