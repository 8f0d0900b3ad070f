// A room of y-webrtc. Its address is that of its server for signals, with one for STUN behind a space where there is
// one.

import { WebrtcProvider } from 'y-webrtc'

function enter(doc, address) {
  const [signalling, stun] = address.split(' ')
  // Nobody's servers are asked but these.
  const iceServers = stun === undefined ? [] : [{ urls: stun }]
  const options = { signaling: [signalling], peerOpts: { config: { iceServers } } }
  const { awareness } = new WebrtcProvider('race', doc, options)
  return { awareness }
}

export async function create(doc, address, typing) {
  for (const edit of typing) {
    doc.transact(edit)
  }
  return { address, entered: enter(doc, address) }
}

export async function join(doc, address) {
  return enter(doc, address)
}
