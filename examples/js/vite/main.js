// Shows a vote: each has one, which nobody else can change and which counts when they have left, and this browser keeps the room for
// the next visit.
// Run with: cargo xtask sdk && npm install ../../../target/sdk/meshwork-0.2.0.tgz vite && npx vite

import { Endpoint, Identity, JoinError } from 'meshwork'

const server = new URLSearchParams(location.search).get('server') ?? 'http://127.0.0.1:8080'
const me = localStorage.getItem('me')
const identity = me ? await Identity.import(me) : await Identity.generate()
localStorage.setItem('me', identity.export())
const endpoint = await Endpoint.bind({ identity, store: 'votes', server })

/** The room of the page's address, else the one that is kept here, else a new one. */
async function enter() {
  const kept = (await endpoint.rooms()).find(({ app }) => app === 'votes')
  const link = decodeURIComponent(location.hash.slice(1)) || kept?.link
  if (!link) {
    return endpoint.create({ app: 'votes', private: true })
  }
  try {
    // At once, and alone if need be.
    const room = await endpoint.open(link)
    await room.restored()
    return room
  } catch (error) {
    if (error instanceof JoinError && error.code === 'NotStored') {
      return endpoint.join(link)
    }
    throw error
  }
}

const room = await enter()
location.hash = encodeURIComponent(room.link)

const votes = room.table('votes')
const show = () => {
  const cast = votes.entriesOfEach('vote').map(({ value }) => value)
  const count = (choice) => cast.filter((vote) => vote === choice).length
  document.getElementById('votes').textContent = `Ferry ${count('ferry')}, train ${count('train')}`
  document.getElementById('says').textContent = `${room.members.length} others are here`
}

for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', () => votes.mine.set('vote', button.value))
}

async function follow() {
  for await (const _ of votes.watchEach('vote')) {
    show()
  }
}
room.addEventListener('members', show)
show()
follow()
