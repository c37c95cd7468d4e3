// Numbers for whoever watches, in Prometheus' text format. Counted in this process alone; a scraper adds replicas up. Kept by
// hand, because the usual library needs Node and Workers have none of it.

/** What there is to count, with its kind and help. Labels are listed where they are used, and never hold anything of callers. */
const METRICS = {
  molecule_requests_total: ['counter', 'Requests, by route and status.'],
  molecule_request_seconds: ['histogram', 'Time until a response began, by route.'],
  molecule_fly_calls_total: ['counter', 'Calls to Fly, by action and outcome.'],
  molecule_fly_call_seconds: ['histogram', 'Time of calls to Fly, by action.'],
  molecule_sweeps_total: ['counter', 'Sweeps of this process, by outcome.'],
  molecule_sweep_seconds: ['gauge', 'Duration of the last sweep of this process.'],
  molecule_sweep_age_seconds: [
    'gauge',
    'Time since a sweep began, in whichever process; or since there was something to sweep, if none ever did.',
  ],
  molecule_sweep_interval_seconds: [
    'gauge',
    'How often there should be one: an age of three of these is trouble.',
  ],
  molecule_sweep_lag_seconds: ['gauge', 'For how long the workspace that has been due longest is due.'],
  molecule_workspaces: ['gauge', 'Workspaces, by status.'],
  molecule_workspaces_due: ['gauge', 'Workspaces that are due to be looked at, and were not yet.'],
  molecule_messages: ['gauge', 'Stored messages that have no answer yet, by state.'],
  molecule_webhooks_total: ['counter', 'Webhooks that came in, by scheme and outcome.'],
  molecule_event_listeners: ['gauge', 'Streams of events that this process has open.'],
  molecule_webhook_deliveries_total: ['counter', 'Attempts to deliver an event to an endpoint, by outcome.'],
  molecule_webhook_delivery_seconds: ['histogram', 'Time of such attempts.'],
  molecule_webhook_endpoints: ['gauge', 'Webhook endpoints, by what is with them.'],
  molecule_webhook_pending: ['gauge', 'Deliveries that failed or wait for one that did, over all endpoints.'],
  molecule_webhook_dead: ['gauge', 'Deliveries that were given up, over all endpoints.'],
  molecule_webhook_backlog: ['gauge', 'Events that enabled endpoints have not taken up, over all of them.'],
  molecule_webhook_oldest_seconds: [
    'gauge',
    'Age of the oldest event that an enabled endpoint was not told.',
  ],
  molecule_rollouts: ['gauge', 'Rollouts that have not ended, by state.'],
  molecule_rollout_events_total: ['counter', 'What rollouts came to in this process, by type of event.'],
  molecule_a2a_in_flight: ['gauge', 'A2A requests of this process that are open, streams included.'],
  molecule_a2a_streams: ['gauge', 'Those of them whose answer is a stream.'],
  molecule_database_up: [
    'gauge',
    'Whether the database answered when this was asked: what it counts is of earlier if not.',
  ],
  molecule_info: ['gauge', 'What this is: always 1.'],
} as const satisfies Record<string, readonly ['counter' | 'gauge' | 'histogram', string]>

export type MetricName = keyof typeof METRICS
export type Labels = Record<string, string | number>

/** Upper bounds in seconds; the last one is without. */
const BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 5, 30]

export type Metrics = {
  count(name: MetricName, labels?: Labels): void
  observe(name: MetricName, seconds: number, labels?: Labels): void
  set(name: MetricName, value: number, labels?: Labels): void
  text(): string
}

export function createMetrics(): Metrics {
  const values = new Map<string, number>()
  const histograms = new Map<string, { labels: Labels; counts: number[]; sum: number; count: number }>()

  return {
    count(name, labels = {}) {
      const key = sample(name, labels)
      values.set(key, (values.get(key) ?? 0) + 1)
    },
    set: (name, value, labels = {}) => void values.set(sample(name, labels), value),
    observe(name, seconds, labels = {}) {
      const key = sample(name, labels)
      const histogram = histograms.get(key) ?? { labels, counts: BUCKETS.map(() => 0), sum: 0, count: 0 }
      histograms.set(key, histogram)
      histogram.sum += seconds
      histogram.count++
      for (const [at, bound] of BUCKETS.entries()) {
        if (seconds <= bound) histogram.counts[at] = (histogram.counts[at] ?? 0) + 1
      }
    },
    text() {
      return Object.entries(METRICS)
        .map(([name, [kind, help]]) => {
          const head = `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`
          const samples =
            kind === 'histogram'
              ? [...histograms].flatMap(([key, one]) => (isOf(key, name) ? histogramLines(name, one) : []))
              : [...values].filter(([key]) => isOf(key, name)).map(([key, value]) => `${key} ${value}\n`)
          return head + samples.join('')
        })
        .join('')
    },
  }
}

const isOf = (key: string, name: string) => key === name || key.startsWith(`${name}{`)

function histogramLines(
  name: string,
  { count, counts, labels, sum }: { labels: Labels; counts: number[]; sum: number; count: number },
): string[] {
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
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(String(value))}"`)
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
}

const escaped = (value: string) =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
