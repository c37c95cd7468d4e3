// A value that changes at most once in a time, so that what depends on it is not read again for each of many events.
import { useEffect, useRef, useState } from 'preact/hooks'

/** @param ms the shortest time between two changes; the last value always arrives */
export function useThrottled<Value>(value: Value, ms: number): Value {
  const [shown, setShown] = useState(value)
  const changedAt = useRef(0)
  useEffect(() => {
    if (Object.is(value, shown)) return undefined
    const wait = Math.max(0, changedAt.current + ms - Date.now())
    const timer = setTimeout(() => {
      changedAt.current = Date.now()
      setShown(value)
    }, wait)
    return () => clearTimeout(timer)
  }, [value, shown, ms])
  return shown
}
