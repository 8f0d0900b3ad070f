// A component that shows how many rows a table has, and counts how often the table is read for it.

import { join } from 'meshwork'
import { useTable } from 'meshwork/react'
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'

let things
let reads = 0

function Count({ table }) {
  return createElement('p', null, useTable(table).length)
}

globalThis.page = {
  show: async (link) => {
    const room = await join(link)
    things = room.table('things')
    const entries = things.entries.bind(things)
    things.entries = () => {
      reads += 1
      return entries()
    }
    createRoot(document.querySelector('#root')).render(createElement(Count, { table: things }))
  },
  fill: async (rows) => {
    await Promise.all(Array.from({ length: rows }, (_, row) => things.set(`${row}`, row)))
  },
  reads: () => reads,
}
