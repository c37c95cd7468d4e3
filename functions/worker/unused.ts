// Stands in for packages that the MCP SDK imports and that no request here uses: a validator that generates code, which
// Workers do not allow, and schemas of zod 3. They would be a quarter of the bundle (wrangler.toml, `[alias]`).
export class Ajv {
  readonly isUnused = true
}
export default Ajv
export const zodToJsonSchema = () => ({})
