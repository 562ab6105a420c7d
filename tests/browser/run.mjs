// Walks through the dashboard with a real browser, against a real fleet, and reports in the words of
// `cargo test`.
//
//   run.mjs PATH_TO_POSTHORN [NAME …]      only the walks whose file has such a name; all but `scale` without one

import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Fleet } from './lib/fleet.mjs'
import { Site } from './lib/site.mjs'

/** Of a file of walks; each walk has a limit of its own. */
const LIMIT_MS = 1_800_000
/** Takes five minutes, so it runs only when it is named. */
const ONLY_BY_NAME = ['scale.test.mjs']
const [program, ...names] = process.argv.slice(2)
if (!program) {
  process.stderr.write('usage: run.mjs PATH_TO_POSTHORN [NAME …]\n')
  process.exit(64)
}
const folder = join(dirname(fileURLToPath(import.meta.url)), 'walks')
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.test.mjs'))
  .filter((file) => names.some((name) => file.includes(name)) || (names.length === 0 && !ONLY_BY_NAME.includes(file)))
  .map((file) => join(folder, file))

const say = (text) => process.stdout.write(`${text}\n`)
const started = Date.now()
const failed = []
let passed = 0

const site = await Site.start()
/** What failed: the test's own words, and where that was in the test. */
function inWords(error) {
  const failure = error?.cause ?? error
  const place = (failure?.cause ?? failure)?.stack?.split('\n').filter((line) => line.includes('.test.mjs')) ?? []
  return [failure?.message ?? String(failure), ...place].join('\n')
}

/** Nobody is there: what counts is where links lead. */
const traceUrl = 'https://traces.example.com/trace/{trace_id}'
const fleet = await Fleet.start(program, {
  POSTHORN_PORTAL_FRAME_ANCESTORS: site.origin,
  POSTHORN_TRACE_URL: traceUrl,
})
process.on('SIGTERM', () => fleet.stop().then(() => process.exit(143)))
process.on('SIGINT', () => fleet.stop().then(() => process.exit(130)))
try {
  const { process: _, ...facts } = fleet
  process.env.BROWSER_FLEET = JSON.stringify({ ...facts, siteOrigin: site.origin, traceUrl })
  say(`\nrunning the browser tests of ${files.length} files against ${program}`)
  // One at a time: a browser and a fleet are enough for two cores.
  const tests = run({ files, concurrency: 1, timeout: LIMIT_MS })
  const name = (data) => data.name.replaceAll(/[^\w]+/g, '_').toLowerCase()
  const isFile = (data) => data.name.endsWith('.mjs')
  tests.on('test:pass', (data) => {
    if (isFile(data)) return
    passed += 1
    say(`test browser::${name(data)} ... ok: ${(data.details.duration_ms / 1000).toFixed(1)} s`)
  })
  tests.on('test:fail', (data) => {
    const { error } = data.details
    if (isFile(data) && error?.failureType === 'subtestsFailed') return
    failed.push({ name: name(data), text: inWords(error) })
    say(`test browser::${name(data)} ... FAILED`)
  })
  tests.on('test:stdout', ({ message }) => process.stdout.write(message))
  for await (const _event of tests) {
    // The events above are all that is wanted; reading them is what makes the run go on.
  }
} finally {
  if (failed.length > 0) say(`\n---- the end of the fleet's log ----\n${fleet.log()}`)
  await site.stop()
  const code = await fleet.stop()
  if (code !== 0) failed.push({ name: 'the_fleet_ends', text: `posthorn dev ended with ${code}` })
}
for (const { name, text } of failed) say(`\n---- browser::${name} ----\n${text}`)
const verdict = failed.length > 0 || passed === 0 ? 'FAILED' : 'ok'
const seconds = ((Date.now() - started) / 1000).toFixed(2)
say(
  `\ntest result: ${verdict}. ${passed} passed; ${failed.length} failed; 0 ignored; 0 measured; 0 filtered out; finished in ${seconds}s\n`,
)
process.exit(verdict === 'ok' ? 0 : 1)
