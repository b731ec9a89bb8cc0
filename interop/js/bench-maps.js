// The rates of hypertrie and hyperdb in folders, for `cargo bench -p dazaar --bench maps`: one JSON object on stdout.

const path = require('node:path')
const hypertrie = require('hypertrie')
const hyperdb = require('hyperdb')
const { call, options } = require('./lib')

const option = options({ dir: '', entries: '10000', singly: '2000' })
const entries = Number(option.entries)
const singly = Number(option.singly)

const key = nth => `dir${nth % 100}/key${nth}`
const value = nth => Buffer.from(`value ${String(nth).padStart(4, '0')}`)
const put = nth => ({ type: 'put', key: key(nth), value: value(nth) })

/** How often a second `work` did what it does `count` times, and how often a second of the processor's time. */
async function rate (count, work) {
  const cpu = process.cpuUsage()
  const began = process.hrtime.bigint()
  await work()
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  const { user, system } = process.cpuUsage(cpu)
  return [count / seconds, count / ((user + system) / 1e6)]
}

const trie = name => hypertrie(path.join(option.dir, name))

async function drain (iterator, count) {
  let found = 0
  while (await call(iterator, 'next') !== null) found++
  if (found !== count) throw new Error(`${found} entries instead of ${count}`)
}

async function main () {
  const rates = {}
  const one = trie('singly')
  await call(one, 'ready')
  rates['hypertrie put, one by one'] = await rate(singly, async () => {
    for (let nth = 0; nth < singly; nth++) await call(one, 'put', key(nth), value(nth))
  })
  const many = trie('batches')
  await call(many, 'ready')
  rates['hypertrie put, batches of 100'] = await rate(entries, async () => {
    for (let start = 0; start < entries; start += 100) await call(many, 'batch', Array.from({ length: 100 }, (_, i) => put(start + i)))
  })
  await call(many.feed, 'close')
  const again = trie('batches')
  await call(again, 'ready')
  const getAll = async () => {
    for (let nth = 0; nth < entries; nth++) if (!await call(again, 'get', key(nth * 7919 % entries))) throw new Error('an entry is missing')
  }
  rates['hypertrie get, after opening'] = await rate(entries, getAll)
  rates['hypertrie get, warm'] = await rate(entries, getAll)
  rates['hypertrie iterate, warm'] = await rate(entries, () => drain(again.iterator(), entries))
  const db = hyperdb(path.join(option.dir, 'hyperdb'))
  await call(db, 'ready')
  rates['hyperdb put, one by one'] = await rate(singly, async () => {
    for (let nth = 0; nth < singly; nth++) await call(db, 'put', key(nth), value(nth))
  })
  rates['hyperdb get, warm'] = await rate(singly, async () => {
    for (let nth = 0; nth < singly; nth++) if ((await call(db, 'get', key(nth * 7919 % singly))).length !== 1) throw new Error('an entry is missing')
  })
  rates['hyperdb list, warm'] = await rate(singly, () => drain(db.iterator(), singly))
  console.log(JSON.stringify(rates))
  process.exit(0)
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
