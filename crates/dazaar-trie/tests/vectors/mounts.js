// Makes mounts.json with npm hyperdrive 10.21.0 (corestore 5.8.2, random-access-memory): node mounts.js > mounts.json
//
// Three drives and a feed of bytes that are mounted in each other, a version, the newest, and in a circle: the blocks of each metadata
// feed, and what hyperdrive finds through the mounts.
const hyperdrive = require('hyperdrive')
const Corestore = require('corestore')
const RAM = require('random-access-memory')

const TIME = 1600000000000
global.Date = class extends Date {
  constructor (...time) { super(...time.length ? time : [TIME]) }
}
const call = (object, name, ...args) =>
  new Promise((resolve, reject) => object[name](...args, (error, value) => error ? reject(error) : resolve(value)))

async function main () {
  const store = new Corestore(() => new RAM(), { masterKey: Buffer.alloc(32, 5) })
  await store.ready()
  const open = async name => {
    const drive = hyperdrive(store.namespace(name), null)
    await call(drive, 'ready')
    return drive
  }
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map(open))
  const feed = store.namespace('feed').default()
  await call(feed, 'ready')
  for (const word of ['one', 'two', 'three']) await call(feed, 'append', word)

  const put = (drive, path, text) => call(drive, 'writeFile', path, text)
  await put(a, '/own', 'a')
  await put(b, '/file', 'old')
  const version = b.version
  await put(b, '/file', 'newer')
  await put(b, '/dir/file', 'inner')
  await put(c, '/last', 'c')
  await call(a, 'mount', '/old', b.key, { version })
  await call(a, 'mount', '/deep/new', b.key)
  await call(b, 'mount', '/c', c.key)
  await call(c, 'mount', '/round/a', a.key)
  await call(a, 'mount', '/feed', feed.key, { hypercore: true })
  await call(a, 'mount', '/gone', c.key)
  await call(a, 'mount', '/bytes', feed.key, { hypercore: true })
  await call(a, 'unmount', '/gone')
  await call(a, 'unmount', '/bytes')

  const blocks = async drive => {
    const found = []
    for (let i = 0; i < drive.metadata.length; i++) found.push((await call(drive.metadata, 'get', i)).toString('hex'))
    return found
  }
  const drives = []
  for (const drive of [a, b, c]) drives.push({ key: drive.key.toString('hex'), blocks: await blocks(drive) })
  const stats = {}
  for (const path of ['/old', '/old/file', '/old/dir/file', '/deep/new/file', '/deep/new/c/last', '/deep/new/c/round/a/own', '/feed']) {
    stats[path] = await call(a, 'stat', path).then(stat => stat.size, () => null)
  }
  const children = {}
  for (const path of ['/', '/old', '/deep', '/deep/new', '/deep/new/c', '/deep/new/c/round', '/deep/new/c/round/a']) {
    children[path] = (await call(a, 'readdir', path)).sort()
  }
  const changes = await new Promise((resolve, reject) => {
    const found = []
    a.createDiffStream(2, '/').on('data', ({ type, name }) => found.push([type, name])).on('end', () => resolve(found.sort())).on('error', reject)
  })
  console.log(JSON.stringify({ feed: feed.key.toString('hex'), drives, stats, children, changes }, null, 1))
  process.exit(0)
}

main()
