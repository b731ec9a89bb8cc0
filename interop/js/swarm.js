// What the peers that find each other over hyperswarm 2 share: they keep to this machine.

const net = require('node:net')

const LOOPBACK = '127.0.0.1'

/** Keeps multicast DNS to the loopback interface, and unheard if it is not wanted. Call it before hyperswarm is loaded. */
exports.keepToLoopback = ({ lan }) => {
  const path = require.resolve('multicast-dns')
  const multicast = require(path)
  const bind = '0.0.0.0' // who binds to one address hears no group
  require.cache[path].exports = () => multicast({ interface: LOOPBACK, bind, loopback: lan })
  const listen = net.Server.prototype.listen
  net.Server.prototype.listen = function (port, ...rest) {
    return listen.call(this, port, LOOPBACK, ...rest)
  }
}

/** The options of a swarm that begins with this bootstrap node, or with nobody. */
exports.swarmOptions = bootstrap => ({ bootstrap: bootstrap ? [bootstrap] : [], ephemeral: true })
