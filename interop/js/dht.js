// A node of npm `@hyperswarm/dht` on this machine.
//
// Commands on stdin: `announce <topic> <port>`, `unannounce <topic> <port>`, `lookup <topic>`, `ping <host:port>`,
// `punch <host:port> <referrer host:port>`, `quit`.

const dht = require('@hyperswarm/dht')
const { commands, emit, options } = require('./lib')

const option = options({
  dir: '', // not used: nodes store nothing
  bootstrap: '', // a node to begin with
  nodes: '1', // how many to run
  ephemeral: false // only use the DHT
})

const nodes = []

function start (index) {
  const node = dht({ bootstrap: option.bootstrap ? [option.bootstrap] : [], ephemeral: option.ephemeral })
  nodes.push(node)
  node.on('announce', (topic, peer) => emit('heard', { node: index, what: 'announce', topic, port: peer.port }))
  node.on('unannounce', (topic, peer) => emit('heard', { node: index, what: 'unannounce', topic, port: peer.port }))
  node.on('lookup', topic => emit('heard', { node: index, what: 'lookup', topic }))
  node.on('holepunch', (from, to) => emit('heard', { node: index, what: 'holepunch', port: to.port }))
  node.listen(0, '127.0.0.1', () => {
    node.ready(() => emit('listening', { node: index, id: node.id, port: node.address().port }))
  })
}

/** Collects what a lookup or announcement is answered. */
function collect (event, stream) {
  const peers = new Set()
  let answers = 0
  stream.on('data', data => {
    answers++
    for (const peer of data.peers || []) peers.add(`${peer.host}:${peer.port}`)
  })
  stream.on('error', error => emit('error', { error }))
  stream.on('end', () => emit(event, { answers, peers: [...peers].sort() }))
}

const address = text => {
  const [host, port] = text.split(':')
  return { host, port: Number(port) }
}

const announcement = rest => {
  const [topic, port] = rest.split(' ')
  return [Buffer.from(topic, 'hex'), { port: Number(port) }]
}

for (let index = 0; index < Number(option.nodes); index++) start(index)
commands({
  announce: rest => collect('announced', nodes[0].announce(...announcement(rest))),
  unannounce: rest => nodes[0].unannounce(...announcement(rest), error => emit('unannounced', { error: error || undefined })),
  lookup: topic => collect('found', nodes[0].lookup(Buffer.from(topic, 'hex'))),
  ping: to => nodes[0].ping(address(to), (error, pong) => {
    emit('pong', { error: error || undefined, port: pong && pong.port })
  }),
  punch: rest => {
    const [to, referrer] = rest.split(' ').map(address)
    nodes[0].holepunch({ ...to, referrer }, error => emit('punched', { error: error || undefined }))
  }
})
