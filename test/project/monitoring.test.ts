// The alerts and the dashboard ask for metrics that a server has, with labels and states that exist, and every alert is
// documented. `npm run test:field` runs the alerts in Prometheus itself.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createHarness, type Harness } from '../support/harness.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

type Rule = { alert: string; expr: string; annotations: Record<string, string>; labels: { severity: string } }
const alertFile = parse(read('monitoring/alerts.yaml')) as { groups: { rules: Rule[] }[] }
const rules = alertFile.groups.flatMap((group) => group.rules)

type Panel = { type: string; title: string; description?: string; targets?: { expr: string }[] }
const { panels } = JSON.parse(read('monitoring/dashboard.json')) as { panels: Panel[] }
const charts = panels.filter(({ type }) => type !== 'row')

const EXPRESSIONS = [
  ...rules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...charts.flatMap(({ targets = [], title }) => targets.map(({ expr }) => ({ where: title, expr }))),
]

let h: Harness
let text: string
beforeAll(async () => {
  h = await createHarness()
  await h.request('/livez')
  text = await (await h.fetchRaw('/metrics')).text()
})
afterAll(() => h.close())

/** The names under which Prometheus stores a metric. */
function seriesNames(): Set<string> {
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
    ),
  )
}

test.each(EXPRESSIONS)('$where asks only for metrics that a server has: $expr', ({ expr }) => {
  const names = [...expr.matchAll(/\bmolecule_\w+/g)].map(([name]) => name)
  expect(names.length).toBeGreaterThan(0)
  expect(names.filter((name) => !seriesNames().has(name))).toEqual([])
})

test('a selected state is one that the server reports', () => {
  const selectors = EXPRESSIONS.flatMap(({ expr }) => [
    ...expr.matchAll(/\b(molecule_(?:workspaces|disks|messages|rollouts))\{(\w+)!?="(\w+)"\}/g),
  ])
  expect(selectors.length).toBeGreaterThan(8)
  const samples = selectors.map(([, name, label, value]) => `${name}{${label}="${value}"} `)
  expect(samples.filter((sample) => !text.includes(sample))).toEqual([])
})

test('every panel has a title, a description and an expression of its own', () => {
  expect(charts.filter(({ description, targets }) => !description || !targets?.length)).toEqual([])
  expect(new Set(charts.map(({ title }) => title)).size).toBe(charts.length)
})

test('every alert is in docs/monitoring.md with its severity, where its link leads', () => {
  const documentation = read('docs/monitoring.md')
  for (const { alert, annotations, labels } of rules) {
    const anchor = new URL(annotations['runbook_url'] ?? '').hash.slice(1)
    expect(documentation).toContain(`| <a id="${anchor}"></a>\`${alert}\` | ${labels.severity} |`)
  }
  expect(documentation.match(/<a id="/g)).toHaveLength(rules.length)
})
