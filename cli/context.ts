// What every command works with: the client of the chosen server, and whether the output is for programs.
import type { Command } from 'commander'
import { type Client, createClient } from '../client/client.ts'
import { readSettings } from './settings.ts'

export type GlobalFlags = { url?: string; token?: string; json?: boolean }

export type CommandContext = { client: Client; json: boolean; url: string }

/** An error in how the command was called. The exit code is 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Whether a text is the address of a server. `localhost:8080` is a URL with a strange scheme. */
export const isAddress = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text)

export function contextOf(command: Command): CommandContext {
  const flags = command.optsWithGlobals<GlobalFlags>()
  const { token, url } = readSettings(flags)
  if (!isAddress(url)) throw new UsageError(`--url: '${url}' is not an address; try http://localhost:8080`)
  return { client: createClient({ url, token }), json: flags.json === true, url }
}
