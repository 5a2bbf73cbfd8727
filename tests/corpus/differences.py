"""What is not the same in two dumps of native.py, in words, and which of it is so on purpose."""

from __future__ import annotations

import re

# The database, what is said of the difference, and why.
DELIBERATE = [
    (
        "postgres",
        r"\S+ (default: None here, \"nextval\('.*'::regclass\)\"|identity: {.*} here, None) natively",
        "a column that the database numbers is an identity column, and not a serial one",
    ),
    (
        "sqlite",
        r"\S+ default: '[01]' here, '(true|false)' natively",
        "a boolean constant is written 1 or 0; TRUE and FALSE are that to SQLite",
    ),
    (
        "mariadb",
        r"\S+ indexes: only (here|natively) {'name': "
        r"('(?P<c>\w+)', 'column_names': \['(?P=c)'\]|'(fk_\w+|\w+_ibfk_\d+)', 'column_names': \[[^]]*\]), 'unique': False.*",
        "the index that a foreign key needs is named after the key, and goes with it",
    ),
]


def of_tables(ours: dict, native: dict) -> list[str]:
    """What is not the same in two schemas."""
    found = []
    for table in sorted(set(ours) | set(native)):
        if table not in ours or table not in native:
            found.append(f"{table}: only {'natively' if table in native else 'here'}")
            continue
        for part in native[table]:
            mine, theirs = ours[table][part], native[table][part]
            if mine == theirs:
                continue
            if part == "columns" and [c["name"] for c in mine] == [c["name"] for c in theirs]:
                for one, other in zip(mine, theirs):
                    found += [
                        f"{table}.{one['name']} {key}: {one[key]!r} here, {other[key]!r} natively"
                        for key in other
                        if one[key] != other[key]
                    ]
            elif isinstance(mine, list):
                found += [f"{table} {part}: only here {entry}" for entry in mine if entry not in theirs]
                found += [f"{table} {part}: only natively {entry}" for entry in theirs if entry not in mine]
            else:
                found.append(f"{table} {part}: {mine} here, {theirs} natively")
    return found


def of_rows(ours: dict, native: dict) -> list[str]:
    """What is not the same in the rows, the first of each table."""
    found = []
    for table in sorted(set(ours) | set(native)):
        mine, theirs = ours.get(table, []), native.get(table, [])
        found += [f"{table} rows: only here {line}" for line in mine if line not in theirs][:1]
        found += [f"{table} rows: only natively {line}" for line in theirs if line not in mine][:1]
        if len(mine) != len(theirs):
            found.append(f"{table} rows: {len(mine)} here, {len(theirs)} natively")
    return found


def without_deliberate(found: list[str], database: str) -> tuple[list[str], dict[str, int]]:
    """The differences that are none on purpose, and how many there are of each kind that is."""
    deliberate = {}
    for owner, said, reason in DELIBERATE:
        alike = [one for one in found if owner == database and re.fullmatch(said, one)]
        found = [one for one in found if one not in alike]
        deliberate |= {reason: len(alike)} if alike else {}
    return found, deliberate
