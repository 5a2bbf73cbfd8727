"""SQLAlchemy's schema items → records of the contract.

What an item says for the target's dialect and the contract has no word for is `NotInContract`; what it says
for another dialect is left out, as SQLAlchemy does.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from alembic.util import sqla_compat
from sqlalchemy import schema
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import elements, operators
from wit_world.imports import types

from . import sql
from . import types as column_types
from .errors import NotInContract
from .values import to_contract

_ACTIONS = {
    None: types.ReferentialAction.NO_ACTION,
    "NO ACTION": types.ReferentialAction.NO_ACTION,
    "RESTRICT": types.ReferentialAction.RESTRICT,
    "CASCADE": types.ReferentialAction.CASCADE,
    "SET NULL": types.ReferentialAction.SET_NULL,
}
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_ORDERED = re.compile(r"""([A-Za-z_]\w*|"[A-Za-z_]\w*"|`[A-Za-z_]\w*`)(?:\s+(ASC|DESC))?""", re.IGNORECASE)
# Options that say what the host does in any case.
_HARMLESS = {
    ("mysql", "engine", "innodb"),
    *(
        ("mysql", option, charset)
        for option in ("charset", "default_charset", "default charset")
        for charset in column_types.CHARSETS
    ),
    ("postgresql", "using", "btree"),
    ("mysql", "using", "btree"),
    ("sqlite", "with_rowid", "true"),
}


def refuse_options(item: schema.SchemaItem, dialect: Dialect, what: str, known: tuple[str, ...] = ()) -> None:
    """Raises for an option of this dialect that nothing here takes up."""
    names = ("mysql", "mariadb") if dialect.name == "mysql" else (dialect.name,)
    for key, value in getattr(item, "dialect_kwargs", {}).items():
        owner, _, option = key.partition("_")
        if owner not in names or option in known or value in (None, False, (), {}, []):
            continue
        if ("mysql" if owner == "mariadb" else owner, option.lower(), str(value).lower()) not in _HARMLESS:
            raise NotInContract(f"{what} option {key}", repr(value))


def refuse_schema(name: str | None) -> None:
    """A target has one schema, which the operator chooses."""
    if name is not None:
        raise NotInContract("a table in a schema of its own", name)


def name_of(item: schema.Constraint | schema.Index, dialect: Dialect) -> str | None:
    """The name that it has after conventions and cutting to the dialect's length; none without one."""
    name = sqla_compat._get_constraint_final_name(item, dialect)
    return None if name is None else str(name)


def constant(text: str, type_: sqltypes.TypeEngine, dialect: Dialect) -> types.Value | None:
    """A text that a column's default says as a constant, as the column's type has it; none for an
    expression."""
    type_ = column_types.resolved(type_, dialect)
    word = text.strip()
    quoted = _QUOTED.fullmatch(word)
    if quoted:
        return literal(quoted.group(1).replace("''", "'"), type_)
    if word.upper() == "NULL":
        return types.Value_Null()
    if column_types.is_boolean(type_):
        if word.lower() in ("1", "true"):
            return types.Value_Boolean(True)
        if word.lower() in ("0", "false"):
            return types.Value_Boolean(False)
    elif _NUMBER.fullmatch(word):
        return literal(word, type_)
    return None


def literal(text: str, type_: sqltypes.TypeEngine) -> types.Value:
    """A default that is given as a Python string: the databases read it as the column's type."""
    if column_types.is_boolean(type_):
        if text.lower() in ("1", "true", "t"):
            return types.Value_Boolean(True)
        if text.lower() in ("0", "false", "f"):
            return types.Value_Boolean(False)
    elif isinstance(type_, sqltypes.Integer) and re.fullmatch(r"[-+]?\d+", text):
        return types.Value_Integer(int(text))
    elif isinstance(type_, sqltypes.Float) and _NUMBER.fullmatch(text):
        return types.Value_Double(float(text))
    elif isinstance(type_, sqltypes.Numeric) and _NUMBER.fullmatch(text):
        return types.Value_Numeric(text.lstrip("+"))
    return types.Value_Text(text)


def default(
    server_default: object, type_: sqltypes.TypeEngine, dialect: Dialect
) -> types.DefaultValue | None:
    """What a column holds when an INSERT leaves it out."""
    if isinstance(server_default, schema.DefaultClause):
        server_default = server_default.arg
    if server_default is None or isinstance(server_default, schema.FetchedValue):
        return None
    if isinstance(server_default, str):
        return types.DefaultValue_Value(literal(server_default, column_types.resolved(type_, dialect)))
    if isinstance(server_default, sql.PortableText):
        return types.DefaultValue_Expression(sql.render(server_default, dialect))
    if isinstance(server_default, elements.ClauseElement):
        rendered = sql.render(server_default, dialect)
        found = constant(rendered.text, type_, dialect)
        return types.DefaultValue_Expression(rendered) if found is None else types.DefaultValue_Value(found)
    return types.DefaultValue_Value(to_contract(server_default))


def comment(text: str | None, dialect: Dialect) -> types.Comment | None:
    """A comment. SQLite has none, and Alembic leaves it out there."""
    if text is None:
        return None
    demand = types.Demand.REQUIRED if dialect.supports_comments else types.Demand.IF_SUPPORTED
    return types.Comment(text, demand)


def column(item: schema.Column, dialect: Dialect, numbered: bool = False) -> types.Column:
    """A column to make. `numbered`: the database numbers it."""
    refuse_options(item, dialect, "column")
    computed = None
    if item.computed is not None:
        stored = item.computed.persisted
        if stored is None:
            # Each server's own default, but for PostgreSQL, which has one kind only.
            stored = dialect.name == "postgresql"
        storage = types.ComputedStorage.STORED if stored else types.ComputedStorage.VIRTUAL
        computed = types.Computed(sql.render(item.computed.sqltext, dialect), storage)
    if item.identity is not None and dialect.supports_identity_columns:
        _plain_identity(item.identity)
        numbered = True
    if isinstance(item.default, schema.Sequence) and dialect.supports_sequences and not item.default.optional:
        raise NotInContract("sequence", item.default.name)
    return types.Column(
        name=str(item.name),
        column_type=column_types.to_contract(item.type, dialect),
        nullable=bool(item.nullable),
        default=None if computed or numbered else default(item.server_default, item.type, dialect),
        auto_increment=numbered,
        numbered_once=numbered and _is_numbered_once(item.table),
        computed=computed,
        comment=comment(item.comment, dialect),
    )


def _is_numbered_once(table: schema.Table | None) -> bool:
    """Whether SQLite is asked for AUTOINCREMENT; the others never give a number again."""
    return table is not None and bool(table.dialect_kwargs.get("sqlite_autoincrement"))


def _plain_identity(identity: schema.Identity) -> None:
    options = ("start", "increment", "minvalue", "maxvalue", "cycle", "cache")
    said = [name for name in options if getattr(identity, name, None) not in (None, 1)]
    if identity.always:
        said.append("always")
    if said:
        raise NotInContract("identity option " + ", ".join(said))


def table(
    item: schema.Table, dialect: Dialect, keys: Collection[schema.ForeignKeyConstraint] | None = None
) -> types.Table:
    """A table to make, with its constraints; its indexes are made after it. Of the foreign keys only `keys`,
    if given."""
    refuse_schema(item.schema)
    if item._prefixes:
        raise NotInContract("table prefix", " ".join(item._prefixes))
    refuse_options(item, dialect, "table", ("ignore_search_path", "autoincrement"))
    numbered = item._autoincrement_column
    if numbered is not None and numbered.server_default is not None and numbered.identity is None:
        numbered = None
    constraints = []
    compiler = dialect.ddl_compiler(dialect, None)
    if list(item.primary_key.columns):
        constraints.append(constraint(item.primary_key, dialect))
    for found in item._sorted_constraints:
        if found is item.primary_key or (found._create_rule is not None and not found._create_rule(compiler)):
            continue
        if dialect.supports_alter and getattr(found, "use_alter", False):
            continue
        if keys is not None and isinstance(found, schema.ForeignKeyConstraint) and found not in keys:
            continue
        constraints.append(constraint(found, dialect))
    for found in item.columns:
        constraints += [constraint(check, dialect) for check in checks_of(found, dialect)]
    constraints = _merged(constraints, dialect)
    columns = [column(found, dialect, found is numbered) for found in item.columns if not found.system]
    if dialect.name != "sqlite":
        # There the key makes its columns NOT NULL, whatever they say.
        for found, key in zip(columns, (found.primary_key for found in item.columns if not found.system)):
            found.nullable = found.nullable and not key
    return types.Table(
        name=str(item.name),
        columns=columns,
        constraints=constraints,
        comment=comment(item.comment, dialect),
    )


def checks_of(item: schema.Column, dialect: Dialect) -> list[schema.CheckConstraint]:
    """The checks that stand in a column. SQLAlchemy keeps them apart from those of its table."""
    compiler = dialect.ddl_compiler(dialect, None)
    return sorted(
        (
            found
            for found in item.constraints
            if isinstance(found, schema.CheckConstraint)
            and (found._create_rule is None or found._create_rule(compiler))
        ),
        key=lambda found: (str(found.name), str(found.sqltext)),
    )


def _merged(constraints: list[types.Constraint], dialect: Dialect) -> list[types.Constraint]:
    """Of two equal keys in one CREATE TABLE PostgreSQL makes one, the primary key or the first, which gets the
    other's name if it has none (`transformIndexConstraints` in its source). SQLite cannot tell two without names apart, and
    makes one index for both."""
    folds = dialect.name == "postgresql"
    kept: list[types.Constraint] = []
    for found in constraints:
        if isinstance(found, types.Constraint_Unique):
            keys = [key for key in kept if isinstance(key, (types.Constraint_PrimaryKey, types.Constraint_Unique))]
            equal = next((key for key in keys if key.value.columns == found.value.columns), None)
            if equal is not None and folds:
                equal.value.name = equal.value.name or found.value.name
                continue
            if dialect.name == "sqlite" and found in kept:
                continue
        kept.append(found)
    return kept


def indexes_of(item: schema.Table) -> list[schema.Index]:
    """The indexes of a table in an order that no address decides."""
    order = {found: place for place, found in enumerate(item.columns)}

    def place(index: schema.Index) -> tuple:
        return ([order.get(found, len(order)) for found in index.columns], str(index.name))

    return sorted(item.indexes, key=place)


def constraint(item: schema.Constraint, dialect: Dialect) -> types.Constraint:
    """A constraint to make."""
    if item.deferrable is not None or item.initially is not None:
        raise NotInContract("deferrable constraint", item.name or "")
    refuse_options(item, dialect, "constraint")
    name = name_of(item, dialect)
    match item:
        case schema.PrimaryKeyConstraint():
            return types.Constraint_PrimaryKey(
                types.PrimaryKey(name, [str(found.name) for found in item.columns])
            )
        case schema.UniqueConstraint():
            return types.Constraint_Unique(
                types.UniqueConstraint(name, [str(found.name) for found in item.columns])
            )
        case schema.ForeignKeyConstraint():
            return types.Constraint_ForeignKey(_foreign_key(item, name))
        case schema.CheckConstraint():
            return types.Constraint_Check(types.Check(name, sql.render(item.sqltext, dialect)))
    raise NotInContract(f"constraint of kind {item.__visit_name__}")


def _foreign_key(item: schema.ForeignKeyConstraint, name: str | None) -> types.ForeignKey:
    if item.match is not None:
        raise NotInContract("foreign key with MATCH")
    targets = [_target(element) for element in item.elements]
    refuse_schema(targets[0][0])
    actions = []
    for said in (item.onupdate, item.ondelete):
        action = " ".join(said.upper().split()) if said else None
        if action not in _ACTIONS:
            raise NotInContract(f"referential action {action}")
        actions.append(_ACTIONS[action])
    columns = [str(element.parent.name) for element in item.elements]
    return types.ForeignKey(
        name=name,
        columns=columns,
        referred_table=str(targets[0][1]),
        referred_columns=[str(target[2] or own) for target, own in zip(targets, columns)],
        on_update=actions[0],
        on_delete=actions[1],
    )


def _target(element: schema.ForeignKey) -> tuple[str | None, str, str | None]:
    """Schema, table and column that a key refers to. SQLAlchemy 2.1 gave the attribute a name of its own."""
    return element.target_tokens if hasattr(element, "target_tokens") else element._column_tokens


def index(item: schema.Index, dialect: Dialect) -> types.Index:
    """An index to make."""
    known = ("where", "concurrently") if dialect.name in ("postgresql", "sqlite") else ()
    refuse_options(item, dialect, "index", known)
    where = item.dialect_options[dialect.name].get("where") if known else None
    return types.Index(
        name=str(name_of(item, dialect)),
        parts=[_part(expression, dialect) for expression in item.expressions],
        unique=bool(item.unique),
        predicate=None if where is None else sql.render(where, dialect, "index"),
    )


def _part(expression: object, dialect: Dialect) -> types.IndexPart:
    order = types.IndexOrder.ASCENDING
    while isinstance(expression, elements.UnaryExpression) and expression.modifier is not None:
        if expression.modifier is operators.desc_op:
            order = types.IndexOrder.DESCENDING
        elif expression.modifier is not operators.asc_op:
            raise NotInContract("NULLS FIRST or LAST in an index")
        expression = expression.element
    if isinstance(expression, elements.ColumnClause) and not expression.is_literal:
        return types.IndexPart(types.IndexKey_Column(str(expression.name)), order)
    text = sql.render(expression, dialect, "index")
    plain = _ORDERED.fullmatch(text.text.strip())
    if plain:
        if (plain.group(2) or "").upper() == "DESC":
            order = types.IndexOrder.DESCENDING
        return types.IndexPart(types.IndexKey_Column(plain.group(1).strip('"`')), order)
    return types.IndexPart(types.IndexKey_Expression(text), order)


def online(item: schema.Index, dialect: Dialect) -> types.Demand | None:
    """Whether the index is to be made or dropped without keeping others from writing."""
    if dialect.name == "postgresql" and item.dialect_options["postgresql"].get("concurrently"):
        return types.Demand.REQUIRED
    return None
