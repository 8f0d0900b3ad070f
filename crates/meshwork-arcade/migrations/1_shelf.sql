-- Integers, text and bytes alone, so that another database can read the same text.
CREATE TABLE games (
    code TEXT NOT NULL PRIMARY KEY,
    owner BLOB NOT NULL,
    owner_name TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    package BLOB NOT NULL,
    length BIGINT NOT NULL,
    least BIGINT NOT NULL,
    most BIGINT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    plays BIGINT NOT NULL,
    made_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    taken_down TEXT,
    -- Bytes stand last: columns behind them are slow to read.
    thumbnail BLOB
);
CREATE INDEX games_changed ON games (changed_ms, code);
CREATE INDEX games_owner ON games (owner);
CREATE INDEX games_package ON games (package);

CREATE TABLE versions (
    code TEXT NOT NULL,
    version BIGINT NOT NULL,
    package BLOB NOT NULL,
    signed BLOB NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (code, version)
);
CREATE INDEX versions_package ON versions (package);

CREATE TABLE packages (
    id BLOB NOT NULL PRIMARY KEY,
    length BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    put_by BLOB NOT NULL,
    bytes BLOB NOT NULL
);

CREATE TABLE sessions (
    code TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    player_count BIGINT NOT NULL,
    duration_seconds BIGINT NOT NULL,
    host_disconnects BIGINT NOT NULL,
    average_latency_ms BIGINT NOT NULL
);
CREATE INDEX sessions_at ON sessions (at_ms);

CREATE TABLE refused (
    package BLOB NOT NULL PRIMARY KEY,
    reason TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);
