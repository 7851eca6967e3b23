CREATE TABLE IF NOT EXISTS users (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- AUTOINCREMENT: the id of a deleted post must never name another one.
CREATE TABLE IF NOT EXISTS posts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    title      TEXT NOT NULL,
    text       TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS posts_of_user ON posts (user_id, id);

CREATE TABLE IF NOT EXISTS countries (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS departments (
    organization_id INTEGER NOT NULL,
    id              INTEGER NOT NULL,
    PRIMARY KEY (organization_id, id)
);

CREATE TABLE IF NOT EXISTS employees (
    id              INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL,
    department_id   INTEGER NOT NULL,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL,
    FOREIGN KEY (organization_id, department_id) REFERENCES departments (organization_id, id)
);
