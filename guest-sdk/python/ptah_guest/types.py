"""SQLAlchemy's column types ↔ column types of the contract."""

from __future__ import annotations

from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine
from wit_world.imports import inspect, types

from .errors import NotInContract

# Character sets of MariaDB whose texts utf8mb4 holds, which every table has.
CHARSETS = ("utf8mb4", "utf8", "utf8mb3", "latin1", "ascii")


def resolved(type_: TypeEngine, dialect: Dialect) -> TypeEngine:
    """The type that holds on a dialect: without variants and decorators."""
    type_ = sqltypes.to_instance(type_)
    while True:
        variant = getattr(type_, "_variant_mapping", {}).get(dialect.name)
        if variant is not None:
            type_ = variant
        elif isinstance(type_, sqltypes.Interval) and dialect.name == "postgresql":
            # A type of its own there, and a moment elsewhere.
            return type_
        elif isinstance(type_, TypeDecorator):
            type_ = sqltypes.to_instance(type_.load_dialect_impl(dialect))
        else:
            return type_


def _shown(type_: TypeEngine, dialect: Dialect) -> str:
    try:
        return type_.compile(dialect=dialect)
    except Exception:
        return repr(type_)


def to_contract(type_: TypeEngine, dialect: Dialect) -> types.ColumnType:
    """The column type of the contract. Raises `NotInContract` where there is none."""
    type_ = resolved(type_, dialect)
    found = _portable(type_, dialect)
    if found is None:
        raise NotInContract(f"column type {_shown(type_, dialect)}", f"on {dialect.name}")
    charset = (getattr(type_, "charset", None) or "utf8mb4").lower()
    if getattr(type_, "collation", None) or charset not in CHARSETS:
        raise NotInContract("collation of a column", _shown(type_, dialect))
    return found


def _portable(type_: TypeEngine, dialect: Dialect) -> types.ColumnType | None:
    is_mysql, is_postgres = dialect.name == "mysql", dialect.name == "postgresql"
    match type_:
        case sqltypes.Enum() if type_.native_enum and (is_mysql or is_postgres):
            return types.ColumnType_Enumeration(_enumeration(type_, is_postgres))
        case sqltypes.NCHAR():
            return None
        case sqltypes.CHAR():
            # SQLite takes the name without a length for a type of its own.
            length = type_.length or (None if dialect.name == "sqlite" else 1)
            return None if length is None else types.ColumnType_Char(length)
        case sqltypes.Text() | mysql.TINYTEXT() | mysql.MEDIUMTEXT() | mysql.LONGTEXT():
            return _text(type_, is_mysql)
        case mysql.SET():
            return None
        case sqltypes.String():
            # An Enum without members has the length 0. MariaDB has none without one; the host says so.
            return types.ColumnType_Varchar(type_.length or None)
        case sqltypes.Boolean():
            return types.ColumnType_Boolean()
        case mysql.TINYINT() if type_.display_width == 1 and not type_.unsigned:
            return types.ColumnType_Boolean()
        case mysql.TINYINT() | mysql.MEDIUMINT():
            return None
        case sqltypes.Integer() if getattr(type_, "unsigned", False) or getattr(type_, "zerofill", False):
            return None
        case sqltypes.SmallInteger():
            return types.ColumnType_SmallInteger()
        case sqltypes.BigInteger():
            return types.ColumnType_BigInteger()
        case sqltypes.Integer():
            return types.ColumnType_Integer()
        case sqltypes.Float():
            return _float(type_, dialect)
        case sqltypes.Numeric():
            # MariaDB has ten digits where nothing is said, the others any number of them.
            precision = type_.precision or (10 if is_mysql else None)
            if precision is None or getattr(type_, "unsigned", False):
                return None
            return types.ColumnType_Numeric(types.NumericType(precision, type_.scale or 0))
        case sqltypes.DateTime():
            return _moment(type_, dialect)
        case sqltypes.Date():
            return types.ColumnType_Date()
        case sqltypes.Time():
            zone = is_postgres and type_.timezone
            return None if zone else types.ColumnType_Time(_fraction(type_, dialect))
        case mysql.MEDIUMBLOB():
            return types.ColumnType_LargeBinary(types.LargeSize.MEDIUM)
        case mysql.LONGBLOB():
            return types.ColumnType_LargeBinary(types.LargeSize.LONG)
        case sqltypes.BINARY() | sqltypes.VARBINARY() | mysql.TINYBLOB():
            return None
        case sqltypes._Binary():
            return None if is_mysql and type_.length else types.ColumnType_Binary()
        case sqltypes.UUID() if not is_postgres:
            return None
        case sqltypes.Uuid():
            native = dialect.name == "sqlite" or (type_.native_uuid and dialect.supports_native_uuid)
            return types.ColumnType_Uuid() if native else types.ColumnType_Char(32)
        case postgresql.JSONB():
            return types.ColumnType_JsonBinary()
        case sqltypes.JSON():
            return types.ColumnType_Json()
    return None


def _enumeration(type_: sqltypes.Enum, is_postgres: bool) -> types.EnumType:
    """On PostgreSQL the type of that name, whatever labels it has by now; on MariaDB its labels."""
    labels = [str(label) for label in type_.enums]
    if not is_postgres:
        return types.EnumType(None, labels)
    if type_.schema is not None or type_.name is None:
        raise NotInContract("an enumeration without a name, or of another schema", str(type_.name))
    there = enumeration_named(str(type_.name))
    return types.EnumType(str(type_.name), labels if there is None else there.labels)


def enumeration_named(name: str) -> types.EnumType | None:
    """The enumeration of that name, where it is a type of its own."""
    return next((found for found in inspect.enums() if found.name == name), None)


def _text(type_: sqltypes.Text, is_mysql: bool) -> types.ColumnType | None:
    match type_:
        case mysql.TINYTEXT():
            return None
        case mysql.MEDIUMTEXT():
            return types.ColumnType_LargeText(types.LargeSize.MEDIUM)
        case mysql.LONGTEXT():
            return types.ColumnType_LargeText(types.LargeSize.LONG)
    # Where a length is given MariaDB takes the smallest type that holds as many characters of four bytes, and
    # SQLite writes it down.
    if type_.length is None:
        return types.ColumnType_Text()
    if not is_mysql or type_.length * 4 < 1 << 8:
        return None
    if type_.length * 4 < 1 << 16:
        return types.ColumnType_Text()
    small = type_.length * 4 < 1 << 24
    return types.ColumnType_LargeText(types.LargeSize.MEDIUM if small else types.LargeSize.LONG)


def _moment(type_: sqltypes.DateTime, dialect: Dialect) -> types.ColumnType | None:
    if dialect.name == "mysql" and isinstance(type_, sqltypes.TIMESTAMP):
        return None
    # Only PostgreSQL keeps the zone; elsewhere the model knows no difference.
    made = types.ColumnType_TimestampWithZone if type_.timezone else types.ColumnType_Timestamp
    return made(_fraction(type_, dialect))


def _fraction(type_: TypeEngine, dialect: Dialect) -> int:
    """Digits after the second: what goes without saying is all of them, but none on MariaDB."""
    if dialect.name == "mysql":
        return getattr(type_, "fsp", None) or 0
    precision = getattr(type_, "precision", None) if dialect.name == "postgresql" else None
    return 6 if precision is None else precision


def _float(type_: sqltypes.Float, dialect: Dialect) -> types.ColumnType | None:
    match type_, dialect.name:
        case (sqltypes.Double() | sqltypes.DOUBLE_PRECISION(), _):
            return types.ColumnType_Double()
        case (sqltypes.REAL(), "mysql"):
            return types.ColumnType_Double()
        case (sqltypes.REAL(), _):
            return types.ColumnType_Float()
        case (_, "sqlite"):
            return types.ColumnType_Float()
        case (_, "postgresql"):
            # FLOAT has eight bytes there without a precision, and four on MariaDB.
            wide = type_.precision is None or type_.precision > 24
            return types.ColumnType_Double() if wide else types.ColumnType_Float()
    if getattr(type_, "scale", None) is not None or getattr(type_, "unsigned", False):
        return None
    wide = type_.precision is not None and type_.precision > 24
    return types.ColumnType_Double() if wide else types.ColumnType_Float()


_REFLECTED = {
    "Boolean": (sqltypes.BOOLEAN, sqltypes.BOOLEAN, lambda: mysql.TINYINT(display_width=1)),
    "SmallInteger": (sqltypes.SMALLINT, sqltypes.SMALLINT, mysql.SMALLINT),
    "Integer": (sqltypes.INTEGER, sqltypes.INTEGER, mysql.INTEGER),
    "BigInteger": (sqltypes.BIGINT, sqltypes.BIGINT, mysql.BIGINT),
    "Float": (sqltypes.FLOAT, sqltypes.REAL, mysql.FLOAT),
    "Double": (sqltypes.DOUBLE, sqltypes.DOUBLE_PRECISION, mysql.DOUBLE),
    "Text": (sqltypes.TEXT, sqltypes.TEXT, mysql.TEXT),
    "Binary": (sqltypes.BLOB, postgresql.BYTEA, sqltypes.BLOB),
    "Date": (sqlite.DATE, sqltypes.DATE, sqltypes.DATE),
    "Uuid": (lambda: sqltypes.CHAR(32), sqltypes.UUID, sqltypes.UUID),
    "Json": (sqlite.JSON, postgresql.JSON, mysql.LONGTEXT),
    "JsonBinary": (sqlite.JSON, postgresql.JSONB, mysql.LONGTEXT),
}
_COLUMN = {"sqlite": 0, "postgresql": 1, "mysql": 2}


def from_contract(type_: types.ColumnType | None, dialect: Dialect) -> TypeEngine:
    """The type that reflection answers; `NullType` for one that the contract cannot express."""
    match type_:
        case None:
            return sqltypes.NULLTYPE
        case types.ColumnType_Numeric(value):
            return sqltypes.NUMERIC(precision=value.precision, scale=value.scale)
        case types.ColumnType_Varchar(value):
            return sqltypes.VARCHAR(length=value)
        case types.ColumnType_Char(value):
            return sqltypes.CHAR(length=value)
        case types.ColumnType_Enumeration(value) if dialect.name == "postgresql":
            return postgresql.ENUM(*value.labels, name=value.name)
        case types.ColumnType_Enumeration(value):
            return mysql.ENUM(*value.labels)
        case types.ColumnType_LargeText(value):
            return mysql.MEDIUMTEXT() if value == types.LargeSize.MEDIUM else mysql.LONGTEXT()
        case types.ColumnType_LargeBinary(value):
            return mysql.MEDIUMBLOB() if value == types.LargeSize.MEDIUM else mysql.LONGBLOB()
        case types.ColumnType_Time(value) | types.ColumnType_Timestamp(value):
            return _time(isinstance(type_, types.ColumnType_Time), value, dialect)
        case types.ColumnType_TimestampWithZone(value):
            precision = None if value == 6 else value
            return postgresql.TIMESTAMP(timezone=True, precision=precision)
    return _REFLECTED[type(type_).__name__.removeprefix("ColumnType_")][_COLUMN[dialect.name]]()


def _time(is_time: bool, digits: int, dialect: Dialect) -> TypeEngine:
    match dialect.name:
        case "sqlite":
            return sqlite.TIME() if is_time else sqlite.DATETIME()
        case "postgresql":
            made = postgresql.TIME if is_time else postgresql.TIMESTAMP
            return made(precision=None if digits == 6 else digits)
    return (mysql.TIME if is_time else mysql.DATETIME)(fsp=digits or None)


def implied(type_: types.ColumnType) -> types.Value | None:
    """What MariaDB gives to rows for a NOT NULL column without a default; none where that is a moment that no calendar
    has, or no document."""
    match type_:
        case types.ColumnType_Boolean():
            return types.Value_Boolean(False)
        case types.ColumnType_SmallInteger() | types.ColumnType_Integer() | types.ColumnType_BigInteger():
            return types.Value_Integer(0)
        case types.ColumnType_Float() | types.ColumnType_Double():
            return types.Value_Double(0.0)
        case types.ColumnType_Numeric():
            return types.Value_Numeric("0")
        case (
            types.ColumnType_Varchar()
            | types.ColumnType_Char()
            | types.ColumnType_Text()
            | types.ColumnType_LargeText()
        ):
            return types.Value_Text("")
    return None


def is_boolean(type_: TypeEngine) -> bool:
    """Whether a resolved type is the contract's boolean: MariaDB's own name for that is a number."""
    return isinstance(type_, sqltypes.Boolean) or (
        isinstance(type_, mysql.TINYINT) and type_.display_width == 1
    )
