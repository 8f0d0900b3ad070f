-- The time of a take-down. Files of the operator's take-downs are deleted after a while.
ALTER TABLE games ADD COLUMN taken_ms BIGINT;
CREATE INDEX games_taken ON games (taken_ms);

CREATE TABLE refused_authors (
    author BLOB NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

-- Publications by the hash of their release: several servers share this store, and none stores a release again.
CREATE TABLE requests (
    id BLOB NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL
);
CREATE INDEX requests_at ON requests (at_ms);

-- The key that signs the games that come with the program, if several servers share this store.
CREATE TABLE keys (
    name TEXT NOT NULL PRIMARY KEY,
    secret BLOB NOT NULL
);
