// Replaces `eventsource-parser/stream` in the Worker's bundle (wrangler.toml, `alias`). The tools of the MCP server use the client
// package, and none of them follows a stream of events.
export function EventSourceParserStream(): never {
  throw new Error('a Worker follows no event streams')
}
