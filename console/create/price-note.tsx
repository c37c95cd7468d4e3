// The price of the workspace that the form describes, beside the button that creates it.
import type { CreateWorkspace, Workspace } from '../../client/client.ts'
import { usd } from '../ui/format.ts'
import { type Prices, priceOf } from './price.ts'

type PriceNoteProps = { prices: Prices | undefined; input: CreateWorkspace; from: Workspace | undefined }

export function PriceNote({ from, input, prices }: PriceNoteProps) {
  // An agent that runs elsewhere has no machine.
  const price =
    prices === undefined || input.runtime === 'external' ? undefined : priceOf(prices, input, from)
  if (price === undefined) return null
  const { disk, machine } = price
  return (
    <p class="price" role="status">
      About <strong>{usd(machine + disk)}</strong> a month while it runs.{' '}
      <span class="muted">
        machine {usd(machine)}
        {disk > 0 && ` · disk ${usd(disk)}, also while it sleeps`}
      </span>
    </p>
  )
}
