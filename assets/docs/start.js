// Starts the API reference on /docs. Nothing is loaded from other servers: no fonts, no proxy, no telemetry.
Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  proxyUrl: '',
  telemetry: false,
  withDefaultFonts: false,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
  persistAuth: false,
  hideClientButton: true,
  defaultOpenFirstTag: false,
  authentication: { preferredSecurityScheme: 'apiToken' },
})
