// What concerns the whole server: machines that are not as wanted, rollouts, webhooks, regions, the audit, tokens. A part that the
// token may not read is not offered.
import { useEffect } from 'preact/hooks'
import { route } from '../route.ts'
import { mayAll } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { linkToOperations, OPERATION_TABS, type OperationTab } from './links.ts'
import { Machines } from './machines.tsx'
import { Regions } from './regions.tsx'

const TITLES: Record<OperationTab, string> = {
  machines: 'Machines and disks',
  regions: 'Regions',
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
          <nav class="tabs" aria-label="Parts of operations">
            {OPERATION_TABS.map((name) => (
              <a key={name} href={linkToOperations(name)} aria-current={name === chosen ? 'page' : undefined}>
                {TITLES[name]}
              </a>
            ))}
          </nav>
          <section class="tab" aria-label={TITLES[chosen]}>
            <Part tab={chosen} />
          </section>
        </>
      ) : (
        <Empty title="Your token is for some workspaces only.">Operations concern all of them.</Empty>
      )}
    </main>
  )
}

function Part({ tab }: { tab: OperationTab }) {
  switch (tab) {
    case 'machines':
      return <Machines />
    case 'regions':
      return <Regions />
  }
}
