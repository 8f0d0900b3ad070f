// Shows a list of things to do that everybody with the link ticks off, and what stands on notes of a whiteboard, with hooks.
// Run with: cargo xtask sdk && npm install ../../../target/sdk/meshwork-0.2.0.tgz react react-dom vite && npx vite

import { useMembers, usePresence, useRoom, useTable, useWhiteboard } from 'meshwork/react'
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'

function List({ room, leave }) {
  const things = useTable(room.table('things'))
  const board = room.whiteboard()
  const notes = [...useWhiteboard(board).values()].filter(({ what }) => what === 'note')
  const members = useMembers(room)
  const typing = usePresence(room).filter(({ value }) => value === 'typing')
  const [text, setText] = useState('')
  const table = room.table('things')
  const add = async (event) => {
    event.preventDefault()
    setText('')
    room.presence().clear()
    await table.set(crypto.randomUUID(), { text, done: false })
  }
  const type = ({ target }) => {
    setText(target.value)
    room.presence().set('typing')
  }
  return (
    <main>
      <form onSubmit={add}>
        <input value={text} onChange={type} placeholder="What is to be done?" />
        <button>Add</button>
      </form>
      <ul>
        {things.map(({ key, value }) => (
          <li key={key} onClick={() => table.set(key, { ...value, done: !value.done })}>
            {value.done ? <s>{value.text}</s> : value.text}
          </li>
        ))}
      </ul>
      <p id="notes">{notes.map(({ text }) => text).join(', ')}</p>
      <button id="note" onClick={() => board.draw({ what: 'note', width: 100, height: 100, text })}>Note</button>
      <button id="undo" onClick={() => board.undo()}>Undo</button>
      <p id="members">{members.map(({ name }) => name).join(', ')}</p>
      <p id="typing">{typing.map(({ member }) => member.name).join(', ')}</p>
      <button id="leave" onClick={leave}>Leave</button>
    </main>
  )
}

function App() {
  const [link, setLink] = useState(decodeURIComponent(location.hash.slice(1)))
  const { room, error } = useRoom(link, { name: 'Bo' })
  if (error) return <p>{error.message}</p>
  if (!link) return <p>Open this page with the link of a room behind #.</p>
  return room ? <List room={room} leave={() => setLink('')} /> : <p>Joining ...</p>
}

createRoot(document.getElementById('root')).render(<StrictMode><App /></StrictMode>)
