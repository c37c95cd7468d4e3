// The API description as an HTML page without scripts. It works offline and on every runtime, and loads no
// third-party code beside an API that may need no token.
import { html, raw } from 'hono/html'

type Schema = {
  $ref?: string
  type?: string | string[]
  format?: string
  enum?: unknown[]
  const?: unknown
  items?: Schema
  anyOf?: Schema[]
  oneOf?: Schema[]
  description?: string
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
}
type Content = Record<string, { schema?: Schema }>
type Parameter = { name: string; in: string; required?: boolean; schema?: Schema }
type Operation = {
  operationId?: string
  description?: string
  parameters?: Parameter[]
  requestBody?: { content?: Content }
  responses?: Record<string, { description?: string; content?: Content }>
}
export type ApiDocument = {
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components?: { schemas?: Record<string, Schema> }
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: light-dark(#6d3bd1, #b794ff) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1.5rem }
h1 { font-size: 1.6rem; margin: 0 } h1 small { font-weight: 400; opacity: .6; font-size: 1rem }
code { font: .9em ui-monospace, monospace } a { color: var(--accent) }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0 } details[open] > summary { border-bottom: 1px solid var(--line) }
summary { cursor: pointer; padding: .6rem .9rem; display: flex; gap: .9rem; align-items: baseline }
summary .id { margin-left: auto; opacity: .6 }
.method { font: 700 .75rem ui-monospace, monospace; width: 4rem; color: var(--accent) }
.inside { padding: .3rem .9rem .9rem } h3 { font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; opacity: .7; margin: 1rem 0 .3rem }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid var(--soft); padding: .25rem .8rem .25rem 0; vertical-align: top }
td:first-child { white-space: nowrap } td:nth-child(2) { opacity: .75 }
`

export function docsPage(document: ApiDocument) {
  const schemas = document.components?.schemas ?? {}
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${document.info.title}</title>
      <style>
        ${raw(STYLE)}
      </style>
      <h1>${document.info.title} <small>${document.info.version}</small></h1>
      <p>
        Programs read <a href="/openapi.json">/openapi.json</a>. Failures are problem documents that name the
        field; failures of <code>/a2a</code> are JSON-RPC errors.
      </p>
      ${Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => operationHtml(method, path, operation, schemas)),
      )}
      <h2>Schemas</h2>
      ${Object.entries(schemas).map(
        ([name, schema]) =>
          html`<details id="${name}">
            <summary><code>${name}</code></summary>
            <div class="inside">${fieldsHtml(schema)}</div>
          </details>`,
      )}
    </html>`
}

function operationHtml(method: string, path: string, operation: Operation, schemas: Record<string, Schema>) {
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema
  return html`<details>
    <summary>
      <span class="method">${method.toUpperCase()}</span><code>${path}</code
      ><span class="id">${operation.operationId ?? ''}</span>
    </summary>
    <div class="inside">
      ${operation.description === undefined ? '' : html`<p>${operation.description}</p>`}
      ${
        (operation.parameters ?? []).length === 0
          ? ''
          : html`<h3>Parameters</h3>
              <table>
                ${operation.parameters?.map((parameter) => rowHtml(parameter.name, parameter.schema, `${parameter.in}${parameter.required === true ? ', required' : ''}`))}
              </table>`
      }
      ${
        body === undefined
          ? ''
          : html`<h3>Body</h3>
              ${fieldsHtml(resolve(body, schemas))}`
      }
      <h3>Responses</h3>
      <table>
        ${Object.entries(operation.responses ?? {}).map(
          ([status, response]) =>
            html`<tr>
              <td><code>${status}</code></td>
              <td>${typeHtml(Object.values(response.content ?? {})[0]?.schema)}</td>
              <td>${response.description ?? ''}</td>
            </tr>`,
        )}
      </table>
    </div>
  </details>`
}

const resolve = (schema: Schema, schemas: Record<string, Schema>): Schema =>
  schema.$ref === undefined ? schema : (schemas[nameOf(schema.$ref)] ?? schema)

const nameOf = (reference: string) => reference.split('/').at(-1) ?? ''

function fieldsHtml(schema: Schema) {
  const about = schema.description === undefined ? '' : html`<p>${schema.description}</p>`
  if (schema.properties === undefined)
    return html`${about}
      <p>${typeHtml(schema)}</p>`
  return html`${about}
    <table>
      ${Object.entries(schema.properties).map(([name, field]) =>
        rowHtml(name, field, schema.required?.includes(name) === true ? 'always' : ''),
      )}
    </table>`
}

const rowHtml = (name: string, schema: Schema | undefined, note: string) =>
  html`<tr>
    <td><code>${name}</code></td>
    <td>${typeHtml(schema)}</td>
    <td>${note}</td>
  </tr>`

/** A short description of a type, with a link to a named schema. */
function typeHtml(schema: Schema | undefined): unknown {
  if (schema === undefined) return ''
  if (schema.$ref !== undefined) return html`<a href="#${nameOf(schema.$ref)}">${nameOf(schema.$ref)}</a>`
  if (schema.enum !== undefined) return html`<code>${schema.enum.map(String).join(' | ')}</code>`
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`
  const options = schema.anyOf ?? schema.oneOf
  if (options !== undefined)
    return options.map((option, index) => html`${index === 0 ? '' : ' or '}${typeHtml(option)}`)
  if (schema.items !== undefined) return html`list of ${typeHtml(schema.items)}`
  if (typeof schema.additionalProperties === 'object')
    return html`map of ${typeHtml(schema.additionalProperties)}`
  const type = [schema.type ?? 'anything'].flat().join(' or ')
  return schema.format === undefined ? type : `${type} (${schema.format})`
}
