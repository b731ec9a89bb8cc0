// Makes trees.json with the tree index of npm hypercore 9.12.0: node trees.js > trees.json
//
// Each tree is a log of `blocks` blocks and a second tree that holds what fetching a few random blocks of it would leave (`held`),
// with the second tree's length, its digest of every block, the first tree's answer to that digest, and the second tree's own full proof
// of every block. A proof is [nodes, twice the length that is signed, or 0].
const TreeIndex = require('hypercore/lib/tree-index')
const flat = require('flat-tree')

let state = 42
function random (n) {
  state = (state * 1103515245 + 12345) % 2147483648
  return Math.floor(state / 2147483648 * n)
}

function fetch (full, held, block) {
  held.set(2 * block)
  for (const node of full.proof(2 * block, {}).nodes) held.set(node)
  let top = 2 * block
  while (full.get(flat.sibling(top)) && full.get(flat.parent(top))) {
    top = flat.parent(top)
    held.set(top)
  }
}

const trees = []
for (let k = 0; k < 400; k++) {
  const blocks = 1 + random(70)
  const full = TreeIndex()
  const tree = TreeIndex()
  for (let block = 0; block < blocks; block++) full.set(2 * block)
  for (let left = random(6); left > 0; left--) fetch(full, tree, random(blocks))

  const held = []
  const digests = []
  const answers = []
  const own = []
  for (let node = 0; node < 2 * blocks + 4; node++) if (tree.get(node)) held.push(node)
  for (let block = 0; block < blocks; block++) {
    const digest = tree.digest(2 * block)
    const answer = full.proof(2 * block, { digest, tree: TreeIndex() })
    const proof = tree.proof(2 * block, { digest: 0, tree: TreeIndex() })
    digests.push(digest)
    answers.push([answer.nodes, answer.verifiedBy])
    own.push(proof && [proof.nodes, proof.verifiedBy])
  }
  trees.push(JSON.stringify({ blocks, held, length: tree.blocks(), digests, answers, own }))
}
console.log('[\n' + trees.join(',\n') + '\n]')
