// login, logout: the server and the token that later commands use.
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { createClient } from '../../client/client.ts'
import { type GlobalFlags, isAddress, UsageError } from '../context.ts'
import { report } from '../output.ts'
import { deleteSettings, readSettings, settingsFile, writeSettings } from '../settings.ts'

export function addLoginCommands(program: Command): void {
  program
    .command('login')
    .description('store the address of a server and a token for it')
    .argument('[url]', 'address of the server')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly login https://agents.example.com
  echo "$TOKEN" | molecule-fly login https://agents.example.com
  molecule-fly login http://localhost:8080 --token ''   an open server on this computer`,
    )
    .action(async (address: string | undefined, _options, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags>()
      const url = address ?? readSettings(flags).url
      if (!isAddress(url)) throw new UsageError(`'${url}' is not an address; try ${likelyAddress(url)}`)
      const token = (flags.token ?? (await readToken())).trim() || undefined
      const { data } = await createClient({ url, token }).api.GET('/workspaces', {
        params: { query: { limit: 1 } },
      })
      if (data === undefined) throw new Error('the server answered without a body')
      writeSettings({ url, token })
      report(`Logged in to ${url}. The settings are in ${settingsFile()}, which only you can read.`)
    })

  program
    .command('logout')
    .description('delete the stored address and token')
    .action(() => {
      deleteSettings()
      report(`Deleted ${settingsFile()}.`)
    })
}

const likelyAddress = (text: string): string =>
  `${/^(?:localhost|127\.|\[::1\])/.test(text) ? 'http' : 'https'}://${text.replace(/^\w*:\/+/, '')}`

/** The token: typed on a terminal without being shown, or piped. */
async function readToken(): Promise<string> {
  if (!process.stdin.isTTY) return (await process.stdin.toArray()).join('')
  process.stderr.write('Token (empty for an open server): ')
  const { PassThrough } = await import('node:stream')
  // Readline writes what is typed to its output, which goes nowhere here.
  const terminal = createInterface({ input: process.stdin, output: new PassThrough(), terminal: true })
  const token = await terminal.question('')
  terminal.close()
  process.stderr.write('\n')
  return token
}
