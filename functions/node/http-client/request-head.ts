// The request line and the headers of a request to an agent, as text.
import type { AgentRequest } from '../../../lib/a2a/transport/transport.ts'

const PATH = /^\/[\x21-\x7e\x80-\xff]*$/
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * @param host of the header
 * @returns the whole head, with the empty line; Latin-1
 * @throws TypeError for what would break the head
 */
export function requestHead({ body, headers, method, path }: AgentRequest, host: string): string {
  if (!PATH.test(path)) throw new TypeError('the path of the request has characters that HTTP does not allow')
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const value = headers[at + 1] ?? ''
    if (!NAME.test(name) || !VALUE.test(value))
      throw new TypeError(`the header ${JSON.stringify(name)} has characters that HTTP does not allow`)
    head += `${name}: ${value}\r\n`
  }
  if (body !== undefined) head += `content-length: ${body.length}\r\n`
  // Without a length a server could wait for a body.
  else if (method !== 'GET' && method !== 'HEAD') head += 'content-length: 0\r\n'
  return `${head}\r\n`
}
