// HTTP+JSON requests of A2A 1.0 and 0.3. 0.3 has the prefix /v1 and the names of its protocol buffers.
export type RestLine = {
  name: string
  base: string
  headers: Record<string, string>
  send(text: string, options?: { wait?: boolean | undefined }): object
  pushConfig(taskId: string, id: string): object
  /** The errors of the official SDK for the same mistakes. */
  errors: { notFound: string; notCancelable: string; invalid: string }
  shapes: { config: string; canceled: string }
}

export const REST_1_0: RestLine = {
  name: '1.0',
  base: '',
  headers: { 'a2a-version': '1.0' },
  send: (text, { wait = true } = {}) => ({
    message: { messageId: `message-${text}`, role: 'ROLE_USER', parts: [{ text }] },
    configuration: { returnImmediately: !wait },
  }),
  pushConfig: (taskId, id) => ({ taskId, id, url: 'https://example.com/hook', token: 'of the hook' }),
  errors: {
    notFound: '404 NOT_FOUND',
    notCancelable: '400 FAILED_PRECONDITION',
    invalid: '400 INVALID_ARGUMENT',
  },
  shapes: { config: 'id taskId token url', canceled: 'task canceled' },
}

export const REST_0_3: RestLine = {
  name: '0.3',
  base: '/v1',
  headers: {},
  send: (text, { wait = true } = {}) => ({
    message: { messageId: `message-${text}`, role: 'ROLE_USER', content: [{ text }] },
    configuration: { blocking: wait },
  }),
  pushConfig: (taskId, id) => ({
    name: `tasks/${taskId}/pushNotificationConfigs/${id}`,
    pushNotificationConfig: { id, url: 'https://example.com/hook', token: 'of the hook' },
  }),
  errors: { notFound: '-32001', notCancelable: '-32002', invalid: '-32602' },
  // The spelling of the older protocol buffers.
  shapes: { config: 'name pushNotificationConfig', canceled: 'task cancelled' },
}
