// Fails when the lockfile lacks a package that another one names as optional: `npm ci` would then fail on
// platforms other than the one that it was written on. Registry addresses have no place in it either.
import { readFileSync } from 'node:fs'

const files = process.argv.slice(2)
let mistakes = 0
for (const file of files) {
  const text = readFileSync(file, 'utf8')
  const { packages } = JSON.parse(text)
  const names = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')))
  for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const name of Object.keys(optionalDependencies).filter((name) => !names.has(name))) {
      process.stderr.write(`${file}: ${path} names ${name}, which is not there\n`)
      mistakes += 1
    }
  }
  if (text.includes('"resolved"')) {
    process.stderr.write(`${file}: it has addresses of a registry\n`)
    mistakes += 1
  }
}
process.exit(mistakes === 0 ? 0 : 1)
