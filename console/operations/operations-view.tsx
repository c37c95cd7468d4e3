// What concerns the whole server: machines that are not as wanted, rollouts, webhooks, regions, the audit, tokens. A part that the
// token may not read is not offered.
import { useEffect } from 'preact/hooks'
import { route } from '../route.ts'
import { mayAll } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { Audit } from './audit.tsx'
import { isOffered, linkToOperations, OPERATION_TABS, type OperationTab } from './links.ts'
import { Machines } from './machines.tsx'
import { Regions } from './regions.tsx'
import { RolloutView } from './rollout.tsx'
import { Rollouts } from './rollouts.tsx'
import { Tokens } from './tokens.tsx'
import { WebhookView } from './webhook.tsx'
import { Webhooks } from './webhooks.tsx'

const TITLES: Record<OperationTab, string> = {
  machines: 'Machines and disks',
  rollouts: 'Rollouts',
  webhooks: 'Webhooks',
  regions: 'Regions',
  tokens: 'Tokens',
  audit: 'Audit',
}

export function OperationsView() {
  const chosen = OPERATION_TABS.find((name) => name === route.value.query.get('tab')) ?? 'machines'

  useEffect(() => {
    document.title = 'Operations · Workspaces'
  }, [])

  return (
    <main class="page">
      <h1 tabIndex={-1}>Operations</h1>
      {mayAll('read') ? (
        <>
          <Tabs
            label="Parts of operations"
            names={OPERATION_TABS.filter(isOffered)}
            titles={TITLES}
            current={chosen}
            linkTo={linkToOperations}
          />
          <section class="tab" aria-label={TITLES[chosen]}>
            <Part tab={chosen} id={route.value.query.get('id') ?? undefined} />
          </section>
        </>
      ) : (
        <Empty title="Your token is for some workspaces only.">Operations concern all of them.</Empty>
      )}
    </main>
  )
}

/** @param id of one of the part's things, such as a rollout */
function Part({ id, tab }: { tab: OperationTab; id: string | undefined }) {
  if (!isOffered(tab)) return <p class="muted">The token that you signed in with may not read this.</p>
  switch (tab) {
    case 'machines':
      return <Machines />
    case 'rollouts':
      return id === undefined ? <Rollouts /> : <RolloutView key={id} id={id} />
    case 'webhooks':
      return id === undefined ? <Webhooks /> : <WebhookView key={id} id={id} />
    case 'regions':
      return <Regions />
    case 'tokens':
      return <Tokens />
    case 'audit':
      return <Audit />
  }
}
