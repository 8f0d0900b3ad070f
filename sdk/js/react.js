// Hooks: what a room has, as a component's state.

import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react'

import { ClosedError, join } from './index.js'
import { nextTask } from './task.js'

const NOTHING = Object.freeze([])
const NO_SHAPES = new Map()

/** What `read` gives now and after each of these events; `otherwise` while there is nothing to read. */
function useLive(target, types, read, otherwise) {
  const live = useMemo(() => ({ value: otherwise }), [target])
  const look = useCallback(() => {
    try {
      live.value = target ? read(target) : otherwise
    } catch (error) {
      // A room that was left shows what it had.
      if (!(error instanceof ClosedError)) {
        throw error
      }
    }
  }, [target, live])
  useMemo(look, [look])
  const subscribe = useCallback(
    (changed) => {
      const update = () => {
        look()
        changed()
      }
      let isWaiting = false
      const hear = async () => {
        if (!isWaiting) {
          isWaiting = true
          // What comes in one task is read once: a thousand rows would be read at each of them.
          await nextTask()
          isWaiting = false
          update()
        }
      }
      types.forEach((type) => target?.addEventListener(type, hear))
      // What happened before anybody listened.
      update()
      return () => types.forEach((type) => target?.removeEventListener(type, hear))
    },
    [target, look],
  )
  const get = () => live.value
  return useSyncExternalStore(subscribe, get, get)
}

/** Joins a room, and leaves it with the component. */
export function useRoom(link, options) {
  const [state, setState] = useState({ room: undefined, error: undefined })
  useEffect(() => {
    if (!link) {
      return undefined
    }
    let isOver = false
    const tell = (state) => isOver || setState(state)
    const joining = join(link, options)
    joining.then(
      (room) => tell({ room, error: undefined }),
      (error) => tell({ room: undefined, error }),
    )
    return () => {
      isOver = true
      setState({ room: undefined, error: undefined })
      joining.then(
        (room) => room.leave(),
        () => {},
      )
    }
  }, [link])
  return state
}

/** Who else is here. */
export function useMembers(room) {
  return useLive(room, ['members', 'closed'], (room) => room.members, NOTHING)
}

/** What a table has, by key. */
export function useTable(table) {
  return useLive(table, ['change'], (table) => table.entries(), NOTHING)
}

/** The shapes of a whiteboard, the one below all others first. */
export function useWhiteboard(board) {
  return useLive(board, ['change'], (board) => board.shapes(), NO_SHAPES)
}

/** What members say of themselves. */
export function usePresence(room) {
  const read = (room) => {
    const said = room.members.map((member) => ({ member, value: room.presence().of(member) }))
    return said.filter(({ value }) => value !== undefined)
  }
  return useLive(room, ['presence', 'members', 'closed'], read, NOTHING)
}

/** The jobs of a room with their progress. */
export function useJobs(compute) {
  const read = (compute) => compute.jobs().map((job) => ({ job, progress: job.progress }))
  return useLive(compute, ['change'], read, NOTHING)
}
