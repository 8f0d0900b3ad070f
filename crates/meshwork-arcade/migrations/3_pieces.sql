-- The bytes of a package, in rows of 65,536: a reader gets one row at a time. CROSS JOIN has SQLite read each package once.
CREATE TABLE pieces (
    package BLOB NOT NULL,
    place BIGINT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (package, place)
);
INSERT INTO pieces (package, place, bytes)
    WITH RECURSIVE places (place) AS (
        SELECT 0
        UNION ALL
        SELECT place + 1 FROM places WHERE (place + 1) * 65536 < (SELECT COALESCE(MAX(length), 0) FROM packages)
    )
    SELECT packages.id, places.place, substr(packages.bytes, CAST(places.place * 65536 + 1 AS INTEGER), 65536)
    FROM packages CROSS JOIN places WHERE places.place * 65536 < packages.length;
ALTER TABLE packages DROP COLUMN bytes;

-- A row that is written anew now and then, to see that the store has room.
CREATE TABLE probes (
    id BIGINT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL
);
