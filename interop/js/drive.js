// A hyperdrive in a folder: makes changes, and tells everything that is in it.

const fs = require('node:fs')
const crypto = require('node:crypto')
const hyperdrive = require('hyperdrive')
const { Stat } = require('hyperdrive-schemas')
const { call, emit, options } = require('./lib')

const option = options({
  dir: '',
  ops: '', // a file with a list of changes: [what, path, ...]
  since: '1', // the version to compare with
  ranges: '' // a file with a list of parts to read: [path, start, end], the end included
})

const json = file => file ? JSON.parse(fs.readFileSync(file)) : []

/** Bytes that follow from a size and a number. */
const bytes = (size, salt) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7 + salt) & 0xff))
const sha256 = data => crypto.createHash('sha256').update(data).digest('hex')

async function apply (drive, [what, path, ...rest]) {
  if (what === 'put') await call(drive, 'writeFile', path, bytes(rest[0], rest[1]), { mode: rest[2], mtime: rest[3], ctime: rest[3] })
  else if (what === 'mkdir') await call(drive, 'mkdir', path, { mode: rest[0] })
  else if (what === 'symlink') await call(drive, 'symlink', rest[0], path)
  else if (what === 'tag') await call(drive, 'createTag', path, rest[0])
  else await call(drive, what, path)
}

async function entries (drive) {
  const iterator = drive.db.iterator('/', { recursive: true })
  const found = []
  for (let node = await call(iterator, 'next'); node; node = await call(iterator, 'next')) {
    const stat = Stat.decode(node.value)
    const isFile = (stat.mode & 0xf000) === 0x8000 && !stat.linkname
    // Hyperdrive waits for ever for the bytes of an empty file.
    const data = isFile ? stat.size ? await call(drive, 'readFile', '/' + node.key) : Buffer.alloc(0) : null
    found.push([node.key, stat.mode, stat.size, stat.linkname, data && sha256(data)])
  }
  return found.sort((a, b) => a[0] < b[0] ? -1 : 1)
}

async function main () {
  const drive = hyperdrive(option.dir)
  await call(drive, 'ready')
  for (const op of json(option.ops)) await apply(drive, op)
  const diff = await new Promise((resolve, reject) => {
    const found = []
    const stream = drive.createDiffStream(Number(option.since), '/')
    stream.on('data', ({ type, name }) => found.push([type, name])).on('end', () => resolve(found)).on('error', reject)
  })
  const ranges = []
  for (const [path, start, end] of json(option.ranges)) ranges.push(sha256(await call(drive, 'readFile', path, { start, end })))
  const tags = await call(drive, 'getAllTags')
  const children = (await call(drive, 'readdir', '/')).sort()
  emit('drive', { key: drive.key, version: drive.version, entries: await entries(drive), diff, ranges, children, tags: [...tags] })
  process.exit(0)
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
