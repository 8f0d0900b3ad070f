// The kinds of a game's files.

/** Kinds of pictures that a game can draw. */
export const PICTURES = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp' }

/** The kind of a file by its ending; undefined for one that is not among `kinds`. */
export const kindOf = (name, kinds) => kinds[name.split('.').at(-1).toLowerCase()]
