// Writes the description of every member of every schema that has none of its own (texts/fields.ts).
import type { ApiDocument, Content, Response, Schema } from './api-document.ts'
import { DISK_FIELDS } from './texts/disk-fields.ts'
import { FIELDS } from './texts/fields.ts'
import { INPUT_FIELDS } from './texts/input-fields.ts'
import { MORE_FIELDS } from './texts/more-fields.ts'

const textOf = (key: string): string | undefined =>
  FIELDS[key] ?? MORE_FIELDS[key] ?? DISK_FIELDS[key] ?? INPUT_FIELDS[key]

export function addFieldTexts(document: ApiDocument): void {
  for (const [name, schema] of Object.entries(document.components.schemas)) describe(schema, name)
  for (const methods of Object.values(document.paths)) {
    for (const { operationId, requestBody, responses } of Object.values(methods)) {
      describeContent(requestBody?.content, operationId)
      for (const response of Object.values(responses)) describeContent(contentOf(response), operationId)
    }
  }
}

const contentOf = (response: Response): Content | undefined =>
  'content' in response ? response.content : undefined

function describeContent(content: Content | undefined, owner: string): void {
  for (const { schema } of Object.values(content ?? {})) describe(schema, owner)
}

function describe(schema: Schema | boolean | undefined, owner: string): void {
  if (typeof schema !== 'object' || schema.$ref !== undefined) return
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const text = textOf(`${owner}.${name}`) ?? textOf(name)
    // A reference may have a description beside it (OpenAPI 3.1).
    if (text !== undefined) member.description ??= text
    describe(member, owner)
  }
  describe(schema.items, owner)
  describe(schema.additionalProperties, owner)
  for (const part of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])])
    describe(part, owner)
}
