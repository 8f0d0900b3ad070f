// What goes wrong, as classes: `code` says what, and further fields say more.

/** What all errors of this package are. */
export class MeshworkError extends Error {
  /** `fields` have its `name`, which minifiers leave alone, its `code`, and whatever else it says. */
  constructor(message, fields, options) {
    super(message, options)
    Object.assign(this, fields)
  }
}

/** What this package needs is missing where it runs. Nothing was started. */
export class UnsupportedError extends MeshworkError {
  constructor(missing) {
    const words = missing.join(', ')
    super(`meshwork runs in a browser's page, and this place has no ${words}; the Rust crate and the program are for others`, {
      name: 'UnsupportedError',
      code: 'Unsupported',
      missing,
    })
  }
}

/** The module was not loaded. It is tried again by the next call. */
export class LoadError extends MeshworkError {
  constructor(url, cause) {
    const fields = { name: 'LoadError', code: 'Load', url: String(url) }
    super(`${url} was not loaded: ${cause?.message ?? cause}`, fields, { cause })
  }
}

/** An argument is wrong, and nothing was done. */
export class ArgumentError extends MeshworkError {
  constructor(argument, value, message) {
    super(message, { name: 'ArgumentError', code: 'Argument', argument, value })
  }
}

/** The browser does not run programs of others here. */
export class LendError extends MeshworkError {
  constructor(message) {
    super(message, { name: 'LendError', code: 'NoFrame' })
  }
}

export class ActError extends MeshworkError {}
export class AppIsOffError extends MeshworkError {}
export class BindError extends MeshworkError {}
export class BlobError extends MeshworkError {}
export class ClosedError extends MeshworkError {}
export class CreateError extends MeshworkError {}
export class DatagramError extends MeshworkError {}
export class DirectError extends MeshworkError {}
export class EnterError extends MeshworkError {}
export class FetchError extends MeshworkError {}
export class IdentityError extends MeshworkError {}
export class ImageError extends MeshworkError {}
export class InviteError extends MeshworkError {}
export class ItemError extends MeshworkError {}
export class JobError extends MeshworkError {}
export class JoinError extends MeshworkError {}
export class KeptError extends MeshworkError {}
export class PresenceError extends MeshworkError {}
export class RuleError extends MeshworkError {}
export class SayError extends MeshworkError {}
export class StoreError extends MeshworkError {}
export class SubmitError extends MeshworkError {}
export class VersionError extends MeshworkError {}
export class WriteError extends MeshworkError {}
