// Makes sessions.json with the tree index of npm hypercore 9.12.0: node sessions.js > sessions.json
//
// Each session is a log of `blocks` blocks and the requests of one peer, which the log remembers: [block, digest, hash only,
// nodes of the answer, twice the length that is signed, or 0]. Some digests are lies.
const TreeIndex = require('hypercore/lib/tree-index')

let state = 99
function random (n) {
  state = (state * 1103515245 + 12345) % 2147483648
  return Math.floor(state / 2147483648 * n)
}

const sessions = []
for (let k = 0; k < 150; k++) {
  const blocks = 1 + random(60)
  const ours = TreeIndex()
  const theirs = TreeIndex()
  const remote = TreeIndex()
  for (let block = 0; block < blocks; block++) ours.set(2 * block)
  const requests = []
  for (let left = 1 + random(20); left > 0; left--) {
    const block = random(blocks)
    const digest = random(6) ? theirs.digest(2 * block) : random(200)
    const hash = random(5) === 0
    const proof = ours.proof(2 * block, { digest, hash, tree: remote })
    requests.push([block, digest, hash, proof.nodes, proof.verifiedBy])
    theirs.set(2 * block)
    for (const node of proof.nodes) theirs.set(node)
  }
  sessions.push(JSON.stringify({ blocks, requests }))
}
console.log('[\n' + sessions.join(',\n') + '\n]')
