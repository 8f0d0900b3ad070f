// An app with React: it shows a room as the hooks tell of it, and the room is the one of the page's fragment.

import { useMembers, usePresence, useRoom, useTable } from 'meshwork/react'
import { createElement, StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'

function App() {
  const [link, setLink] = useState(decodeURIComponent(location.hash.slice(1)))
  const { room, error } = useRoom(link, { name: 'Bo' })
  const members = useMembers(room)
  const entries = useTable(room?.table('votes'))
  const presences = usePresence(room)
  globalThis.page = {
    shown: () => JSON.parse(document.querySelector('output').textContent),
    set: (value) => room.table('votes').set('answer', value),
    leave: () => setLink(undefined),
  }
  const shown = {
    members: members.map(({ name }) => name),
    entries: entries.map(({ key, value }) => [key, value]),
    presences: presences.map(({ member, value }) => [member.name, value]),
    error: error?.code,
  }
  return createElement('output', {}, JSON.stringify(shown))
}

createRoot(document.getElementById('root')).render(createElement(StrictMode, {}, createElement(App)))
