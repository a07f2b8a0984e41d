-- All of it is derived from the results and their histories: `grader gradebook DIR --rebuild`.
-- Points are as in the results; times are ISO 8601 in UTC; lists and objects are JSON.

CREATE TABLE results (
    id             TEXT PRIMARY KEY,
    stamp          TEXT NOT NULL,  -- of the files that the rows were made from
    submission     TEXT NOT NULL,  -- digest of what was handed in
    pack           TEXT NOT NULL,
    version        TEXT NOT NULL,
    rubric         TEXT NOT NULL,  -- digest of the pack
    status         TEXT NOT NULL,  -- graded | needs_review | withheld
    points         REAL,           -- null while any are withheld
    max_points     REAL NOT NULL,
    pending_points REAL NOT NULL,
    image          TEXT,
    device         TEXT NOT NULL,
    grader         TEXT NOT NULL,
    attachments    TEXT            -- the folder with the evidence
) WITHOUT ROWID;

CREATE TABLE criteria (
    result         TEXT NOT NULL REFERENCES results (id) ON DELETE CASCADE,
    place          INTEGER NOT NULL,  -- in the sheet
    id             TEXT NOT NULL,
    title          TEXT NOT NULL,
    points         REAL,
    max_points     REAL NOT NULL,
    pending_points REAL NOT NULL,
    status         TEXT NOT NULL,
    PRIMARY KEY (result, id)
) WITHOUT ROWID;

CREATE TABLE evidence (  -- what each check measured, and what that is worth
    result     TEXT NOT NULL REFERENCES results (id) ON DELETE CASCADE,
    criterion  TEXT NOT NULL,
    id         TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    points     REAL,
    max_points REAL NOT NULL,
    variant    TEXT NOT NULL,  -- how the answer was understood
    slips      TEXT NOT NULL,
    measured   TEXT NOT NULL,
    limits     TEXT NOT NULL,
    message    TEXT NOT NULL,
    PRIMARY KEY (result, id)
) WITHOUT ROWID;

CREATE TABLE manual (  -- points by hand that stand
    result    TEXT NOT NULL REFERENCES results (id) ON DELETE CASCADE,
    place     INTEGER NOT NULL,
    criterion TEXT NOT NULL,
    checks    TEXT NOT NULL,
    points    REAL NOT NULL,
    by        TEXT NOT NULL,
    at        TEXT NOT NULL,
    note      TEXT NOT NULL,
    PRIMARY KEY (result, place)
) WITHOUT ROWID;

CREATE TABLE events (  -- every line of the history
    result TEXT NOT NULL REFERENCES results (id) ON DELETE CASCADE,
    place  INTEGER NOT NULL,
    event  TEXT NOT NULL,  -- replaced | points | state | request | answer
    at     TEXT NOT NULL,
    by     TEXT NOT NULL,
    why    TEXT NOT NULL,
    more   TEXT NOT NULL,
    PRIMARY KEY (result, place)
) WITHOUT ROWID;

CREATE VIEW states AS
    SELECT id AS result, coalesce((
        SELECT json_extract(more, '$.state') FROM events
        WHERE result = results.id AND event = 'state' ORDER BY place DESC LIMIT 1
    ), 'held') AS state
    FROM results;

CREATE VIEW requests AS
    SELECT result, json_extract(more, '$.number') AS number, json_extract(more, '$.line') AS line, at, by,
        json_extract(more, '$.text') AS text, (
            SELECT json_extract(answer.more, '$.text') FROM events AS answer
            WHERE answer.result = asked.result AND answer.event = 'answer'
                AND json_extract(answer.more, '$.number') = json_extract(asked.more, '$.number')
            ORDER BY answer.place DESC LIMIT 1
        ) AS answer
    FROM events AS asked WHERE event = 'request';

CREATE VIEW idle AS  -- points by hand for what no human judges any more: they do not count
    SELECT manual.result, manual.criterion, named.value AS "check"
    FROM manual JOIN json_each(manual.checks) AS named
    LEFT JOIN evidence ON evidence.result = manual.result AND evidence.id = named.value
        AND evidence.criterion = manual.criterion AND evidence.outcome = 'inconclusive'
    WHERE evidence.id IS NULL
    UNION ALL
    SELECT manual.result, manual.criterion, ''
    FROM manual LEFT JOIN criteria
        ON criteria.result = manual.result AND criteria.id = manual.criterion
    WHERE criteria.id IS NULL AND manual.checks = '[]' AND manual.criterion NOT LIKE 'deduction %';

CREATE VIEW overview AS
    SELECT results.id, points, max_points, pending_points, status, state,
        (SELECT group_concat(id, ' ') FROM (
            SELECT id FROM criteria WHERE result = results.id AND status = 'needs_review'
            ORDER BY place)) AS waiting,
        (SELECT count(*) FROM manual WHERE result = results.id) AS by_hand,
        (SELECT count(*) FROM requests WHERE result = results.id AND answer IS NULL) AS asked
    FROM results JOIN states ON states.result = results.id;
