// fleet, prices, doctor: the machines at the provider, what one costs, and the health of the server.
import type { Command } from 'commander'
import type { paths } from '../../client/client.ts'
import { contextOf } from '../context.ts'
import { defined } from '../defined.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { clean, dollars, print, printJson, printTable, styled } from '../output.ts'
import { repeated } from '../repeated.ts'

type FleetQuery = NonNullable<paths['/fleet']['get']['parameters']['query']>

type FleetFlags = {
  all?: boolean
  kind?: string[]
  app?: string
  region?: string
  workspace?: string
  label?: string[]
}

export function addOperationCommands(program: Command): void {
  program
    .command('fleet')
    .description('compare the machines at the provider with the workspaces')
    .option('--all', 'also machines that are as wanted')
    .option(
      '--kind <kind>',
      'only this kind: owned, drifted, orphan, foreign or missing; repeat it for several',
      repeated,
    )
    .option('--app <app>', 'only machines in this app')
    .option('--region <region>', 'only machines in this region')
    .option('-w, --workspace <workspace>', 'only the machine of this workspace')
    .option(
      '-l, --label <key=value>',
      'only machines of workspaces with this label; repeat it for several',
      repeated,
    )
    .action(async ({ all, kind: kinds, workspace, ...flags }: FleetFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const query = {
        ...flags,
        ...defined({
          // The server knows the kinds, and refuses an unknown one by name.
          kind: kinds as FleetQuery['kind'],
          workspace_id: workspace === undefined ? undefined : await findWorkspaceId(client, workspace),
        }),
      }
      const { data } = await client.api.GET('/fleet', { params: { query } })
      if (json || data === undefined) return printJson(data)
      const rows = data.machines.filter(({ kind }) => all === true || kinds !== undefined || kind !== 'owned')
      if (rows.length > 0) {
        printTable(
          ['KIND', 'MACHINE', 'STATE', 'WORKSPACE', 'REGION', 'USD/MONTH'],
          rows.map(({ kind, machine_id, machine_state, region, usd_per_month, workspace_id }) => [
            kind,
            machine_id,
            machine_state,
            workspace_id ?? '-',
            region,
            dollars(usd_per_month),
          ]),
        )
        print('')
      }
      for (const [kind, { machines, usd_per_month }] of Object.entries(data.totals))
        print(
          `${kind.padEnd(8)} ${String(machines).padStart(5)} machines${usd_per_month === null ? '' : `  $${usd_per_month.toFixed(2)} a month`}`,
        )
      if (data.unknown_apps.length > 0)
        print(styled('red', `no answer from: ${data.unknown_apps.join(', ')}`))
    })

  program
    .command('prices')
    .description('show what machines and disks cost in 30 days, in US dollars')
    .addHelpText(
      'after',
      `
Example:
  molecule-fly prices --json | jq '.tiers[] | select(.is_default).running_usd_per_month'`,
    )
    .action(async (_flags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.GET('/prices')
      if (json || data === undefined) return printJson(data)
      printTable(
        ['TIER', 'CPUS', 'MEMORY', 'RUNNING (USD, 30 DAYS)', 'STOPPED (USD, 30 DAYS)'],
        data.tiers.map((one) => [
          `${one.tier}${one.is_default ? ' (default)' : ''}`,
          String(one.cpus),
          `${one.memory_mb} MB`,
          dollars(one.running_usd_per_month),
          dollars(one.stopped_usd_per_month),
        ]),
      )
      for (const [name, { usd_per_gb_month }] of Object.entries({
        disk: data.disk,
        snapshots: data.snapshots,
      }))
        if (usd_per_gb_month !== null) print(`${name}: ${dollars(usd_per_gb_month)} USD a GB in 30 days`)
    })

  program
    .command('doctor')
    .description('check the server and what it depends on')
    .action(async (_flags, command: Command) => {
      const { client, json, url } = contextOf(command)
      const response = await fetch(`${url.replace(/\/$/, '')}/readyz`)
      const answer = (await response.json()) as {
        status: string
        checks: Record<string, { ok: boolean; detail: string }>
      }
      const { data: health } = await client.api.GET('/healthz')
      if (json) printJson({ ...answer, health })
      else {
        print(
          `${url}: version ${health?.version ?? '?'}, ${health?.provisioner ?? '?'}, ${health?.database ?? '?'}`,
        )
        for (const [name, { detail, ok }] of Object.entries(answer.checks))
          print(`  ${ok ? styled('green', '✓') : styled('red', '✗')} ${name.padEnd(11)} ${clean(detail)}`)
      }
      if (!response.ok) process.exitCode = 1
    })
}
