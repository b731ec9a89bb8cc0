// The rates of hyperdrive in a folder, for `cargo bench -p dazaar --bench drives`: one JSON object on stdout.

const fs = require('node:fs')
const path = require('node:path')
const { pipeline } = require('node:stream/promises')
const hyperdrive = require('hyperdrive')
const { call, options } = require('./lib')

const option = options({ dir: '', small: '', large: '' }) // a folder with small files, and a large file

/** How often a second `work` did what it does `count` times. */
async function rate (count, work) {
  const began = process.hrtime.bigint()
  await work()
  return count / (Number(process.hrtime.bigint() - began) / 1e9)
}

async function main () {
  const rates = {}
  const names = fs.readdirSync(option.small)
  const drive = hyperdrive(path.join(option.dir, 'small'))
  await call(drive, 'ready')
  rates['import small files'] = await rate(names.length, async () => {
    for (const name of names) await call(drive, 'writeFile', '/' + name, fs.readFileSync(path.join(option.small, name)))
  })
  fs.mkdirSync(path.join(option.dir, 'copy'))
  rates['export small files'] = await rate(names.length, async () => {
    for (const name of names) fs.writeFileSync(path.join(option.dir, 'copy', name), await call(drive, 'readFile', '/' + name))
  })
  const bytes = fs.statSync(option.large).size
  const other = hyperdrive(path.join(option.dir, 'large'))
  await call(other, 'ready')
  rates['import a large file'] = await rate(bytes, () => pipeline(fs.createReadStream(option.large), other.createWriteStream('/large')))
  rates['export a large file'] = await rate(bytes, () => pipeline(other.createReadStream('/large'), fs.createWriteStream(path.join(option.dir, 'large.out'))))
  console.log(JSON.stringify(rates))
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
