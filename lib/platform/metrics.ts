// Metrics of this server in Prometheus' text format; a scraper adds up replicas. The usual library (prom-client)
// needs Node APIs that Workers lack.

/** `process`: a gauge of what one process has, such as its open streams. The others are read from the database. */
type Declared = readonly [kind: 'counter' | 'gauge' | 'histogram', help: string, scope?: 'process']

/** Every metric with its type and help. Label values never contain data of callers. */
const METRICS = {
  molecule_requests_total: ['counter', 'Requests, by route and status.'],
  molecule_request_seconds: ['histogram', 'Time until a response began, by route.'],
  molecule_provider_calls_total: ['counter', 'Calls to the provider of machines, by action and outcome.'],
  molecule_provider_call_seconds: ['histogram', 'Duration of calls to the provider, by action.'],
  molecule_sweeps_total: ['counter', 'Sweeps of this server, by outcome.'],
  molecule_sweep_seconds: ['gauge', 'Duration of the last sweep of the process that answers.'],
  molecule_sweep_age_seconds: [
    'gauge',
    'Time since a sweep began in any process; before the first sweep, since the first workspace was created.',
  ],
  molecule_sweep_interval_seconds: [
    'gauge',
    'Expected time between sweeps. An age of more than three intervals means that sweeps fail.',
  ],
  molecule_sweep_lag_seconds: ['gauge', 'How long the longest-due workspace has been due.'],
  molecule_workspaces: ['gauge', 'Workspaces, by status.'],
  molecule_disks: ['gauge', 'Disks that are not deleted, by state. `missing` needs an operator.'],
  molecule_workspaces_due: ['gauge', 'Workspaces that are due to be checked.'],
  molecule_messages: ['gauge', 'Stored messages without an answer, by state.'],
  molecule_schedules_total: ['counter', 'Runs of schedules, by outcome.'],
  molecule_heartbeat_repairs_total: [
    'counter',
    'Members of heartbeats that were cut, moved into their range or ignored, by member.',
  ],
  molecule_webhooks_total: ['counter', 'Received webhooks, by scheme and outcome.'],
  molecule_hook_refusals_total: [
    'counter',
    'Deliveries that an existing inbound hook refused, by its name, scheme and reason.',
  ],
  molecule_event_listeners: ['gauge', 'Open event streams of this server.', 'process'],
  molecule_log_tails: ['gauge', 'Logs that this server follows, one for each workspace.', 'process'],
  molecule_webhook_deliveries_total: ['counter', 'Attempts to deliver an event to an endpoint, by outcome.'],
  molecule_webhook_delivery_seconds: ['histogram', 'Duration of delivery attempts.'],
  molecule_webhook_endpoints: ['gauge', 'Webhook endpoints, by state.'],
  molecule_webhook_pending: [
    'gauge',
    'Deliveries that failed, or wait for one that failed, over all endpoints.',
  ],
  molecule_webhook_dead: ['gauge', 'Deliveries without further attempts, over all endpoints.'],
  molecule_webhook_backlog: ['gauge', 'Events after the cursors of enabled endpoints, over all endpoints.'],
  molecule_webhook_oldest_seconds: [
    'gauge',
    'Age of the oldest event that was not delivered to an enabled endpoint.',
  ],
  molecule_rollouts: ['gauge', 'Active rollouts, by state.'],
  molecule_rollout_events_total: ['counter', 'Rollout events of this server, by type.'],
  molecule_a2a_in_flight: ['gauge', 'Open A2A requests of this server, streams included.', 'process'],
  molecule_a2a_streams: ['gauge', 'Open A2A requests whose answer is a stream.', 'process'],
  molecule_database_up: [
    'gauge',
    '1 when the database answered this scrape; 0 when the values from the database are older.',
  ],
  molecule_info: ['gauge', 'Always 1; the labels identify the version.'],
} as const satisfies Record<string, Declared>

export type MetricName = keyof typeof METRICS
export type Labels = Record<string, string | number>

/** Upper bounds in seconds. The last bucket (+Inf) is added on output. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30]

export type Metrics = {
  count(name: MetricName, labels?: Labels): void
  observe(name: MetricName, seconds: number, labels?: Labels): void
  set(name: MetricName, value: number, labels?: Labels): void
  /** Everything that was counted, as data that another process can add up. */
  snapshot(): MetricsSnapshot
  /** @param others the metrics of the other processes of this server: they are added */
  text(others?: MetricsSnapshot[]): string
}

type Histogram = { labels: Labels; counts: number[]; sum: number; count: number }

export type MetricsSnapshot = { values: [string, number][]; histograms: [string, Histogram][] }

export function createMetrics(): Metrics {
  const keys = new Keys()
  const values = new Map<string, number>()
  const histograms = new Map<string, Histogram>()
  const snapshot = (): MetricsSnapshot => ({ values: [...values], histograms: [...histograms] })

  return {
    count(name, labels = {}) {
      const key = keys.of(name, labels)
      values.set(key, (values.get(key) ?? 0) + 1)
    },
    set: (name, value, labels = {}) => void values.set(keys.of(name, labels), value),
    observe(name, seconds, labels = {}) {
      const key = keys.of(name, labels)
      let histogram = histograms.get(key)
      if (histogram === undefined) {
        histogram = { labels, counts: BUCKETS.map(() => 0), sum: 0, count: 0 }
        histograms.set(key, histogram)
      }
      histogram.sum += seconds
      histogram.count++
      for (let at = BUCKETS.length - 1; at >= 0 && seconds <= (BUCKETS[at] ?? 0); at--) {
        histogram.counts[at] = (histogram.counts[at] ?? 0) + 1
      }
    },
    snapshot,
    text(others = []) {
      const all = others.reduce(addSnapshot, snapshot())
      return Object.entries(METRICS)
        .map(([name, [kind, help]]) => {
          const head = `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`
          const samples =
            kind === 'histogram'
              ? all.histograms.flatMap(([key, one]) => (isOf(key, name) ? histogramLines(name, one) : []))
              : all.values.filter(([key]) => isOf(key, name)).map(([key, value]) => `${key} ${value}\n`)
          return head + samples.join('')
        })
        .join('')
    },
  }
}

const isOf = (key: string, name: string) => key === name || key.startsWith(`${name}{`)

const nameOf = (key: string): string => key.split('{', 1)[0] ?? key

/** Values of the database are those of the process that answers; what each process counts is added. */
function addSnapshot(sum: MetricsSnapshot, other: MetricsSnapshot): MetricsSnapshot {
  const values = new Map(sum.values)
  for (const [key, value] of other.values) {
    const [kind, , scope] = METRICS[nameOf(key) as MetricName]
    if (kind === 'counter' || scope === 'process') values.set(key, (values.get(key) ?? 0) + value)
  }
  const histograms = new Map(sum.histograms)
  for (const [key, one] of other.histograms) {
    const own = histograms.get(key)
    histograms.set(key, own === undefined ? one : addHistogram(own, one))
  }
  return { values: [...values], histograms: [...histograms] }
}

const addHistogram = (a: Histogram, b: Histogram): Histogram => ({
  labels: a.labels,
  counts: a.counts.map((count, at) => count + (b.counts[at] ?? 0)),
  sum: a.sum + b.sum,
  count: a.count + b.count,
})

function histogramLines(name: string, { count, counts, labels, sum }: Histogram): string[] {
  const bounds = [
    ...BUCKETS.map((bound, at) => [String(bound), counts[at] ?? 0] as const),
    ['+Inf', count] as const,
  ]
  return [
    ...bounds.map(([le, value]) => `${sample(`${name}_bucket`, { ...labels, le })} ${value}\n`),
    `${sample(`${name}_sum`, labels)} ${sum}\n`,
    `${sample(`${name}_count`, labels)} ${count}\n`,
  ]
}

function sample(name: string, labels: Labels): string {
  let pairs = ''
  for (const label in labels) pairs += `${pairs === '' ? '' : ','}${label}="${escaped(labels[label] ?? '')}"`
  return pairs === '' ? name : `${name}{${pairs}}`
}

/** The keys of samples by their name and labels: to find one again takes less time than to write it. */
class Keys {
  readonly #next = new Map<string | number, Keys>()
  #key: string | undefined

  of(name: string, labels: Labels): string {
    let keys = this.#at(name)
    for (const label in labels) keys = keys.#at(label).#at(labels[label] ?? '')
    return (keys.#key ??= sample(name, labels))
  }

  #at(step: string | number): Keys {
    let next = this.#next.get(step)
    if (next === undefined) this.#next.set(step, (next = new Keys()))
    return next
  }
}

const escaped = (value: string | number) =>
  String(value).replaceAll(/[\\"\n]/g, (sign) => (sign === '\n' ? '\\n' : `\\${sign}`))
