// Prints each event. Replace the function with what should happen.
import { receive } from './receive.ts'

receive(({ data, timestamp, type }) => {
  console.log(timestamp, type, data.workspace_id ?? '-', JSON.stringify(data.payload))
})
