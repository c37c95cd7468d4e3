// Limits a transport to the origins that this service may call, so that a wrong route cannot lead a request
// elsewhere.
import { ForbiddenTarget } from '../../egress/egress-policy.ts'
import type { Transport } from './transport.ts'

/** @throws ForbiddenTarget for a request to any other origin */
export function restrictTransport(isAllowed: (origin: string) => boolean, transport: Transport): Transport {
  return (request, receiver) => {
    if (!isAllowed(request.origin)) {
      throw new ForbiddenTarget(`${request.origin} is not an origin that this service may call`)
    }
    return transport(request, receiver)
  }
}
