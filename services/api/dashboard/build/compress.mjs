// Writes each text of the build beside itself as .br and .gz, which the server hands out as they are, and
// fails when the first load has grown beyond its budget.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const FOLDER = 'dist'
const TEXT = /\.(html|js|css|svg|md)$/
/** JavaScript that the first page loads, as gzip makes it. */
const BUDGET = 150 * 1024

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? files(path) : [path]
  })
}

for (const path of files(FOLDER).filter((path) => TEXT.test(path))) {
  const plain = readFileSync(path)
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } }
  writeFileSync(`${path}.br`, brotliCompressSync(plain, best))
  writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }))
}

/** What the page names itself: its script and what that one needs at once. */
const page = readFileSync(join(FOLDER, 'index.html'), 'utf8')
const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((found) => found[1])
const sizes = first.map((path) => statSync(join(FOLDER, `${path}.gz`)).size)
const sum = sizes.reduce((sum, size) => sum + size, 0)
if (first.length === 0) throw new Error('the page names no script')
process.stdout.write(`first load: ${(sum / 1024).toFixed(1)} KiB of JavaScript, as gzip\n`)
if (sum > BUDGET) throw new Error(`the first load is beyond its budget of ${BUDGET / 1024} KiB`)
