"""What a script does that its step would be stopped for, as far as that can be seen."""

from __future__ import annotations

import ast
import re

from .findings import Findings
from .source import Source, Unknown, dotted

# Statements that the contract has no word for, by how they begin. What is left (DML, queries, DDL of tables,
# indexes and types) is judged by the host when the step runs.
_STATEMENT = re.compile(
    r"""(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(?P<words>
        (?:create|drop|alter)\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:definer\s*=\s*\S+\s+)?(?:event\s+|constraint\s+)?
            (?:trigger|function|procedure|view|materialized\s+view|extension|domain|sequence|schema|database|role|user|
               policy|rule|aggregate|operator|server|publication|subscription|collation|cast|virtual\s+table)\b
        | (?:do|pragma|set|reset|lock|unlock|vacuum|analyze|grant|revoke|call|copy|attach|detach|begin|start|commit|rollback|
             savepoint|release|load|use|refresh|reindex|cluster|listen|notify|declare|prepare|show|optimize|flush|security)\b)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_EXECUTES = {"execute", "exec_driver_sql", "text", "DDL", "scalar", "scalars"}
_SANDBOX = {
    "open": "files",
    "io.open": "files",
    "os.system": "processes",
    "os.popen": "processes",
    "subprocess.run": "processes",
    "subprocess.Popen": "processes",
    "subprocess.check_call": "processes",
    "subprocess.check_output": "processes",
    "socket.socket": "sockets",
    "threading.Thread": "threads",
    "urllib.request.urlopen": "sockets",
}
_FILE_METHODS = {"read_text", "read_bytes", "write_text", "write_bytes"}


# Of these the SDK makes something.
_ANSWERED = re.compile(
    r"""\s*(?:pragma\s+(?:foreign_keys|table_info)\b
        | set\s+(?:(?:session|local)\s+|@@(?:session\.|local\.)?)?foreign_key_checks\b | set\s+names\b
        | alter\s+(?:database|schema)\s+(?:\S+\s+)?(?:default\s+)?(?:character\s+set|charset)\b
        | show\s+(?:(?:session|global)\s+)?variables\s+like\b)""",
    re.IGNORECASE | re.VERBOSE,
)


def check(source: Source, findings: Findings) -> None:
    """Looks at every call of a script."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            _call(source, node, findings)


def _call(source: Source, node: ast.Call, findings: Findings) -> None:
    name = dotted(node.func)
    last = node.func.attr if isinstance(node.func, ast.Attribute) else name
    if last in _EXECUTES and node.args:
        _statement(source, node.args[0], findings)
    elif name in _SANDBOX or last in _FILE_METHODS:
        what = _SANDBOX.get(name, "files")
        findings.warn(source.path, node.lineno, f"{name or last}: the sandbox of a step has no {what}")
    elif last in ("create_engine", "engine_from_config", "create_async_engine"):
        findings.warn(source.path, node.lineno, f"{last}: a step has the connection of op.get_bind() and no other")
    if name.startswith("op.") or last in ("Table", "table"):
        for keyword in node.keywords:
            literal = isinstance(keyword.value, ast.Constant) and keyword.value.value is None
            if keyword.arg in ("schema", "source_schema", "referent_schema") and not literal:
                message = f"{keyword.arg}=…: a package has the one schema of its target, and cannot name another"
                findings.warn(source.path, keyword.value.lineno, message)


def _statement(source: Source, node: ast.expr, findings: Findings) -> None:
    text = _beginning(source, node)
    if text is None:
        return
    for part in _statements(text):
        found = _STATEMENT.match(part)
        if found and not _ANSWERED.match(part):
            words = " ".join(found["words"].upper().split())
            message = f"the statement {words} …: the contract has no word for it, and the step stops there"
            findings.warn(source.path, node.lineno, message)


def _beginning(source: Source, node: ast.expr) -> str | None:
    """A statement as far as it is written down."""
    try:
        found = source.value(node)
        return found if isinstance(found, str) else None
    except Unknown:
        pass
    match node:
        case ast.JoinedStr():
            return "".join(part.value if isinstance(part, ast.Constant) else "?" for part in node.values)
        case ast.BinOp(op=ast.Add() | ast.Mod(), left=left):
            return _beginning(source, left)
        case ast.Call(func=ast.Attribute(value=value, attr="format" | "strip")):
            return _beginning(source, value)
    return None


def _statements(text: str) -> list[str]:
    """The statements of a text; a semicolon within quotes or a body is none."""
    if re.search(r"\$\w*\$|\bbegin\b", text, re.IGNORECASE):
        return [text]
    plain = re.findall(r"(?:'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|[^;'\"`])+|['\"`]", text)
    return [part for part in plain if part.strip()]
