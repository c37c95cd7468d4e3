// The parts of an OpenAPI document that this folder reads and writes.

export type Schema = {
  $ref?: string
  type?: string | string[]
  format?: string
  description?: string
  properties?: Record<string, Schema>
  items?: Schema
  additionalProperties?: Schema | boolean
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  enum?: unknown[]
  examples?: unknown[]
  maxLength?: number
  const?: unknown
}

export type Content = Record<string, { schema?: Schema }>

export type Header = { $ref: string } | { description: string; schema: Schema }

export type Response =
  | { $ref: string }
  | { description: string; content?: Content; headers?: Record<string, Header> }

export type Parameter = {
  $ref?: string
  name?: string
  in?: string
  required?: boolean
  description?: string
  schema?: Schema
}

export type Operation = {
  operationId: string
  summary?: string
  description?: string
  tags?: string[]
  security?: Record<string, string[]>[]
  parameters?: Parameter[] | undefined
  requestBody?: { required?: boolean; description?: string; content: Content }
  responses: Record<string, Response>
}

export type ApiDocument = {
  openapi: string
  info: { title: string; version: string }
  servers?: { url: string; description: string }[]
  tags?: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  webhooks?: Record<string, { post: Operation }>
  components: {
    schemas: Record<string, Schema>
    securitySchemes?: Record<string, unknown>
    headers?: Record<string, Header>
    parameters?: Record<string, Parameter>
    responses?: Record<string, Response>
  }
}
