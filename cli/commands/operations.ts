// fleet, prices, doctor: the machines at the provider, what one costs, and the health of the server.
import type { Command } from 'commander'
import { contextOf } from '../context.ts'
import { clean, dollars, print, printJson, printTable, styled } from '../output.ts'

export function addOperationCommands(program: Command): void {
  program
    .command('fleet')
    .description('compare the machines at the provider with the workspaces')
    .option('--all', 'also machines that are as wanted')
    .action(async ({ all }: { all?: boolean }, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.GET('/fleet')
      if (json || data === undefined) return printJson(data)
      const rows = data.machines.filter(({ kind }) => all === true || kind !== 'owned')
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
    .action(async (_flags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.GET('/prices')
      if (json || data === undefined) return printJson(data)
      printTable(
        ['TIER', 'CPUS', 'MEMORY', 'RUNNING', 'STOPPED'],
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
        if (usd_per_gb_month !== null) print(`${name}: ${dollars(usd_per_gb_month)} a GB`)
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
