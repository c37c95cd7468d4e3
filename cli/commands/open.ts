// open: shows the console of the server, or a workspace in it, in the browser of this computer.
import { spawn } from 'node:child_process'
import type { Command } from 'commander'
import { contextOf } from '../context.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { print } from '../output.ts'

export function addOpenCommand(program: Command): void {
  program
    .command('open')
    .description('open the console in a browser')
    .argument('[workspace]', 'slug, name, id or beginning of an id; without it, the fleet')
    .option('--print', 'print the address, and open nothing')
    .addHelpText(
      'after',
      `
The browser asks for the token: it is never part of an address.

Examples:
  molecule-fly open
  molecule-fly open fly-worker --print`,
    )
    .action(async (reference: string | undefined, flags: { print?: boolean }, command: Command) => {
      const { client, json, url } = contextOf(command)
      const path = reference === undefined ? '' : `workspaces/${await findWorkspaceId(client, reference)}`
      const address = `${url.replace(/\/$/, '')}/console#/${path}`
      print(json ? JSON.stringify({ url: address }) : address)
      if (flags.print !== true) openInBrowser(address)
    })
}

const OPENERS: Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** The address is printed, too, for computers without a browser. */
function openInBrowser(address: string): void {
  const [program, ...args] = OPENERS[process.platform] ?? ['xdg-open']
  const child = spawn(program, [...args, address], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
