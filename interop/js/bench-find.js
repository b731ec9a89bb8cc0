// Finding a seller over hyperswarm 2 in the workloads of `dazaar bench --vs-js`: a new buyer of npm dazaar each time, from joining to
// the end of the handshake.

const { percentiles, timed } = require('./bench-lib')
const { call, memory } = require('./lib')
const { keepToLoopback, swarmOptions } = require('./swarm')

const DHT = 'find-by-dht'

exports.find = async ({ workload, blocks }) => {
  keepToLoopback({ lan: workload !== DHT })
  const dazaar = require('dazaar')
  const join = require('dazaar/swarm')
  const hypercore = require('hypercore')
  const node = require('@hyperswarm/dht')({ bootstrap: [], ephemeral: false })
  await new Promise(resolve => node.listen(0, '127.0.0.1', resolve))
  const bootstrap = `127.0.0.1:${node.address().port}`
  const feed = hypercore(memory())
  await call(feed, 'ready')
  const seller = dazaar(memory()).sell(feed, { validate: (buyer, done) => done(null) })
  await call(seller, 'ready')
  // On the local network the seller needs a DHT to become ready, and the buyers have none.
  await new Promise(resolve => join(seller, resolve, swarmOptions(bootstrap)))
  const delays = []
  return timed(async () => {
    for (let number = 0; number < blocks; number++) {
      const buyer = dazaar(memory()).buy(seller.key)
      await call(buyer, 'ready')
      const began = process.hrtime.bigint()
      const swarm = join(buyer, () => {}, swarmOptions(workload === DHT ? bootstrap : ''))
      await new Promise(resolve => buyer.once('peer-add', resolve))
      delays.push(Number(process.hrtime.bigint() - began) / 1e3)
      swarm.on('error', () => {})
      await new Promise(resolve => swarm.destroy(resolve))
    }
  }, () => percentiles(delays))
}
