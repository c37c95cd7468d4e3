// A failure as the server worded it, with what helps to report it.
import { ApiProblem } from '../../client/client.ts'

type ProblemProps = { problem: unknown; onRetry?: (() => void) | undefined }

export function Problem({ onRetry, problem }: ProblemProps) {
  const fields = problem instanceof ApiProblem ? problem.errors : []
  const id = problem instanceof ApiProblem ? problem.requestId : undefined
  return (
    <div class="notice notice-bad" role="alert">
      <p>{problem instanceof Error ? problem.message : String(problem)}</p>
      {fields.length > 1 && (
        <ul>
          {fields.map(({ field, message }) => (
            <li key={field}>
              <code>{field}</code> {message}
            </li>
          ))}
        </ul>
      )}
      {(id !== undefined || onRetry !== undefined) && (
        <p class="notice-foot">
          {onRetry !== undefined && (
            <button type="button" class="button-link" onClick={onRetry}>
              Try again
            </button>
          )}
          {id !== undefined && <small class="muted">Request {id}</small>}
        </p>
      )}
    </div>
  )
}
