// The scripts that run a caller's command in a machine. The command runs in the background with bounded output and a
// bounded time, because a provider's calls must be short (docs/facts/fly.md §12.3). It needs a shell and the tools that
// every small Linux image has.

/** Prints the outcome, if the command ends within some tenths of a second, else `running`. */
const REPORT = `
report() {
  [ -d "$d" ] || { echo lost; exit 0; }
  i=0; late=0
  while [ ! -e "$d/done" ] && [ "$i" -lt "$ticks" ]; do
    if sleep 0.1 2>/dev/null; then i=$((i + 1)); else sleep 1; i=$((i + 10)); fi
    # What the command left in the background may hold its output open for ever.
    [ ! -e "$d/code" ] || { late=$((late + 1)); [ "$late" -lt 10 ] || break; }
  done
  [ -e "$d/code" ] || { echo running; exit 0; }
  echo "code $(cat "$d/code")"
  [ ! -e "$d/timeout" ] || echo timeout
  limit=$(cat "$d/limit")
  echo stdout; head -c "$limit" <"$d/out" | base64
  echo stderr; head -c "$limit" <"$d/err" | base64
}`

/**
 * Arguments: an id, bytes of each output, seconds, tenths of a second to wait, the directory or nothing, the number of
 * variables, the variables as NAME=value, and the command. Input: that of the command.
 */
export const START_SCRIPT = `${REPORT}
need base64 cat head mkdir mv rm sleep
t="$root/tmp"; d="$t/.molecule-exec-$1"; limit=$2; seconds=$3; ticks=$4; cwd=$5; n=$6; shift 6
mkdir -p "$t" && (umask 077 && mkdir "$d") || fail tmp
echo "$limit" >"$d/limit"
base64 -d >"$d/in" || { rm -rf "$d"; fail input; }
if [ -n "$cwd" ]; then cd "$root$cwd" 2>/dev/null || { rm -rf "$d"; fail cwd; }; fi
while [ "$n" -gt 0 ]; do export "$1"; shift; n=$((n - 1)); done
# cat writes what it reads at once. The limit is in blocks of 512 or 1024 bytes, so it is at least the limit in bytes.
bounded() { (ulimit -f "$((limit / 512 + 1))"; exec cat); cat >/dev/null; }
session=; if command -v setsid >/dev/null 2>&1; then session=setsid; fi
{
  {
    {
      $session sh -c 'echo $$ >"$0"; exec "$@"' "$d/pid" "$@" <"$d/in" 4>&-
      echo $? >"$d/code.new"; mv "$d/code.new" "$d/code"
    } 2>&4 | bounded >"$d/out"
  } 4>&1 | bounded >"$d/err"
  : >"$d/done"
  sleep 60
  rm -rf "$d"
} </dev/null >/dev/null 2>&1 &
{
  i=0
  while [ ! -e "$d/code" ] && [ "$i" -lt "$seconds" ]; do sleep 1; i=$((i + 1)); done
  if [ ! -e "$d/code" ] && [ -e "$d/pid" ]; then
    : >"$d/timeout"
    p=$(cat "$d/pid")
    kill -9 "-$p" || kill -s KILL -- "-$p" || kill -9 "$p"
  fi
} </dev/null >/dev/null 2>&1 &
report`

/** Arguments: the id, and tenths of a second to wait. */
export const POLL_SCRIPT = `${REPORT}
d="$root/tmp/.molecule-exec-$1"; ticks=$2
report`

export type Report =
  | { state: 'running' | 'lost' }
  | { state: 'ended'; code: number; timedOut: boolean; stdout: string; stderr: string }

/** Reads what the scripts print; output is still in base64. */
export function parseReport(text: string): Report {
  const lines = text.split('\n')
  if (lines[0] === 'lost') return { state: 'lost' }
  const code = /^code (\d+)$/.exec(lines[0] ?? '')?.[1]
  if (code === undefined) return { state: 'running' }
  const out = lines.indexOf('stdout')
  // Lines of base64 have a multiple of four characters, so none is one of these words.
  const err = lines.indexOf('stderr')
  return {
    state: 'ended',
    code: Number(code),
    timedOut: lines[1] === 'timeout',
    stdout: lines.slice(out + 1, err).join(''),
    stderr: lines.slice(err + 1).join(''),
  }
}
