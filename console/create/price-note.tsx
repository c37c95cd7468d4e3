// The price of the workspace that the form describes, beside the button that creates it.
import type { CreateWorkspace, Workspace } from '../../client/client.ts'
import { fleet, hasPrices } from '../fleet/cost.ts'
import { workspaces } from '../fleet/store.ts'
import { usd } from '../ui/format.ts'
import { priceOf } from './price.ts'

type PriceNoteProps = { input: CreateWorkspace; from: Workspace | undefined }

export function PriceNote({ from, input }: PriceNoteProps) {
  // An agent that runs elsewhere has no machine.
  if (fleet.value === undefined || !hasPrices.value || input.runtime === 'external') return null
  const { disk, isOfRegion, machine } = priceOf(input, from, fleet.value, workspaces.value)
  const parts = [
    ...(machine === undefined ? [] : [`machine ${usd(machine)} while it runs`]),
    ...(disk === undefined || disk === 0 ? [] : [`disk ${usd(disk)}`]),
  ]
  return (
    <p class="price" role="status">
      {machine === undefined ? (
        <>The price of a machine of this tier is known when one runs.</>
      ) : (
        <>
          About <strong>{usd(machine + (disk ?? 0))}</strong> a month, as others of this tier cost
          {isOfRegion ? ' in this region' : ''}.
        </>
      )}{' '}
      <span class="muted">{parts.join(' · ')}</span>
    </p>
  )
}
