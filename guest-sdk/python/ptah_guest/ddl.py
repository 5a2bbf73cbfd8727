"""DDL elements of SQLAlchemy's own that are executed: `CreateTable`, `table.create()`, `sa.DDL("…")`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.runtime.migration import MigrationContext
from sqlalchemy import schema
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection
from wit_world.imports import inspect
from wit_world.imports import schema as contract

from . import elements, later
from .errors import NotInContract

if TYPE_CHECKING:
    from .impl import HostImpl


def run_element(impl: HostImpl, element: schema.BaseDDLElement) -> None:
    """A DDL element that a script, or SQLAlchemy for it, executes."""
    match element:
        case schema.CreateTable():
            if element.if_not_exists and str(element.element.name) in inspect.tables():
                return
            keys = element.include_foreign_key_constraints
            later.make_table(impl, element.element, keys)
        case schema.DropTable():
            if element.if_exists and str(element.element.name) not in inspect.tables():
                return
            elements.refuse_schema(element.element.schema)
            impl._call(contract.drop_table, str(element.element.name))
        case schema.CreateIndex():
            impl.create_index(element.element, if_not_exists=element.if_not_exists)
        case schema.DropIndex():
            impl.drop_index(element.element, if_exists=element.if_exists)
        case schema.AddConstraint():
            impl.add_constraint(element.element)
        case schema.DropConstraint():
            impl.drop_constraint(element.element, if_exists=element.if_exists)
        case postgresql.CreateEnumType():
            elements.refuse_schema(element.element.schema)
            labels = [str(label) for label in element.element.enums]
            impl._call(contract.create_enum, str(element.element.name), labels)
        case postgresql.DropEnumType():
            elements.refuse_schema(element.element.schema)
            impl._call(contract.drop_enum, str(element.element.name))
        case schema.SetColumnComment():
            impl.create_column_comment(element.element)
        case schema.SetTableComment() | schema.DropTableComment():
            impl.create_table_comment(element.element)
        case schema.DDL():
            text = str(element.compile(dialect=impl.dialect))
            impl.connection.exec_driver_sql(text if impl.dialect.name == "sqlite" else text.replace("%", "%%"))
        case _:
            raise NotInContract(f"the DDL element {type(element).__name__}")


def execute_ddl(element: schema.BaseDDLElement, connection: Connection) -> None:
    """A DDL element that went through a connection."""
    run_element(MigrationContext.configure(connection).impl, element)
