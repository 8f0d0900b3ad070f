// How much, how many and how long: the limits of the library, by the names that they have in Rust. Bytes, unless said
// otherwise; times in milliseconds. What each is about stands in index.d.ts.

const KIB = 1024
const MIB = 1024 * KIB
const SECOND = 1000

export const SERVERS_MAX = 4
export const ICE_SERVERS_MAX = 8
export const JOIN_MAX = 30 * SECOND
export const INVITATION_MAX = 600 * SECOND
export const KEPT_MAX = 10 * SECOND
export const EVENTS_MAX = 1024

export const TOPIC_MAX = 64
export const MESSAGES_MAX = 1024
export const SAY_MAX = 16 * KIB
export const DIRECT_MAX = 64 * KIB
export const DATAGRAM_MAX = 1041
export const DATAGRAM_TO_ALL_MAX = 875
export const PRESENCE_MAX = KIB

export const KEY_MAX = 63
export const VALUE_MAX = 32 * KIB
export const NAME_MAX = 62
export const HISTORY_MAX = 20

export const DOCUMENT_NAME_MAX = 62
export const DOCUMENT_BYTES_MAX = 8 * MIB
export const DOCUMENT_BATCHES_MAX = 20_000
export const LABEL_MAX = 64
export const TITLE_MAX = 256
export const VERSIONS_MAX = 100
export const VERSION_MAX = 16 * MIB
export const VERSION_BYTES_MAX = 64 * MIB
export const PICTURE_MAX = 8 * MIB

export const TEXT_MAX = 8 * KIB
export const POINTS_MAX = 160
export const PIECES_MAX = 128
export const COLOURS = 8

export const BLOB_MAX = 16 * KIB * MIB
export const BLOB_PART = 64 * KIB
export const FETCH_MAX = 64 * MIB
export const FETCHES_MAX = 16
export const HOLDER_WAIT = 30 * SECOND
export const MEMORY_MAX = 256 * MIB

export const UNITS_MAX = 1_000_000
export const CODE_MAX = 8 * MIB
export const INPUT_MAX = 64 * MIB
export const RESULT_MAX = MIB
export const UNIT_MS_MAX = 60 * SECOND
export const OFFERED_MS_MAX = 3600 * SECOND
