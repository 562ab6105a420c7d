// What happened lately at an endpoint, in words.

import type { Schemas } from '../api/client'
import { count, counted, percent } from './number'

type Activity = Schemas['EndpointActivityOut']

/** `98.2 %`: the share of attempts that succeeded. */
export function successRate({ success, failed }: Pick<Activity, 'success' | 'failed'>): string {
  return percent(success, success + failed)
}

/** What a picture of the hours shows, for who does not see it. */
export function activityInWords({ success, failed, hours }: Activity): string {
  if (success + failed === 0) return 'No attempt in the last 24 hours'
  const busiest = Math.max(...hours.map((hour) => hour.success + hour.failed))
  const attempts = counted(success + failed, 'attempt')
  return `${attempts} in the last 24 hours, ${count(failed)} failed; at most ${count(busiest)} in an hour`
}
