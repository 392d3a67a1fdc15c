"""The rules of the house for SQL: no clock, one home, every statement used, and patients locked before anything is judged."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from dho.sql import Queries
from tests.pure import house
from tests.pure.call_graph import CallGraph
from tests.pure.house import ROOT, Module

CLOCK_IN_SQL = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\("
    r"|\b(CURRENT_(TIMESTAMP|DATE|TIME)|LOCALTIME(STAMP)?)\b|'(now|today|tomorrow|yesterday)'",
    re.IGNORECASE,
)
IS_SQL = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|SET|LISTEN|NOTIFY)\s[^a-z]*", re.DOTALL)
IS_STATEMENT = re.compile(r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s")
EXAMINER = "dashboards/commands/examinations.py"  # `dho doctor` looks at the database server itself, its clock too
GROUND = ("dho/db.py", "dho/migrate.py", "dho/embedded.py", EXAMINER)
# Writing an alert or a state; to set only the deadline `judge_again_at` is asking for a judgement, not judging.
JUDGES = re.compile(
    r"\bUPDATE (patient_state|alert)\b(?!( \w+)?\s+SET judge_again_at = [^,=]+\bWHERE\b)"
    r"|\bINSERT INTO alert\b|\bDELETE FROM (patient_state|alert)\b",
    re.IGNORECASE,
)


def without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)


@cache
def statements() -> dict[str, Queries]:
    """Every `queries.sql`, by the folder it stands in."""
    return {house.relative(path.parent): Queries(path) for path in house.files(".sql") if path.name == "queries.sql"}


def test_no_sql_file_reads_the_clock() -> None:
    assert [house.relative(path) for path in house.files(".sql") if CLOCK_IN_SQL.search(without_comments(path.read_text()))] == []


def test_no_sql_in_the_code_reads_the_clock() -> None:
    found = [
        f"{module.name}:{line}"
        for module in house.modules()
        for line, text in module.strings
        if module.name != EXAMINER and IS_SQL.match(text) and CLOCK_IN_SQL.search(text)
    ]
    assert found == []


@pytest.mark.parametrize("sql", ["SELECT now()", "x < CURRENT_DATE", "DEFAULT localtimestamp", "clock_timestamp ()", "at > 'now'"])
def test_every_clock_of_sql_would_be_noticed(sql: str) -> None:
    assert CLOCK_IN_SQL.search(sql)


def test_statements_stand_in_their_home() -> None:
    found = [
        f"{module.name}:{line}"
        for module in house.modules()
        for line, text in module.strings
        if module.name not in GROUND and IS_STATEMENT.match(text)
    ]
    assert found == []


def test_every_statement_says_what_it_is_for() -> None:
    silent = []
    for path in (path for path in house.files(".sql") if path.name == "queries.sql"):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            around = lines[max(number - 1, 0) : number] + lines[number + 1 : number + 2]
            if line.startswith("-- name:") and not any(re.match(r"-- (?!name:)\S", near) for near in around):
                silent.append(f"{house.relative(path)}:{number + 1}")
    assert silent == []


def bindings(module: Module) -> dict[str, str]:
    """Which variable of a module is assigned the statements of which folder: `SQL = queries("alerts")`."""
    found: dict[str, str] = {}
    for node in module.tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and house.dotted_name(node.value.func).endswith("queries"):
            argument = node.value.args[0] if node.value.args else None
            if isinstance(argument, ast.Constant):
                found |= {target.id: str(argument.value) for target in node.targets if isinstance(target, ast.Name)}
    return found


@cache
def exported_bindings() -> dict[str, tuple[str, str]]:
    """(variable, folder) by the dotted name that another module would import."""
    return {f"{m.dotted}.{name}": (name, folder) for m in house.modules() for name, folder in bindings(m).items()}


def all_bindings(module: Module) -> dict[str, str]:
    """Its own and those it imports."""
    return dict(exported_bindings()[name] for name in module.imports if name in exported_bindings()) | bindings(module)


def used_statements(node: ast.AST, variables: dict[str, str]) -> set[tuple[str, str]]:
    """(folder, name) of each statement that is taken below `node`: by its name, or by an f-string that its name fits."""
    found = set()
    for child in ast.walk(node):
        if not isinstance(child, ast.Subscript) or house.dotted_name(child.value).rpartition(".")[2] not in variables:
            continue
        folder = variables[house.dotted_name(child.value).rpartition(".")[2]]
        if isinstance(child.slice, ast.Constant):
            found.add((folder, str(child.slice.value)))
        elif isinstance(child.slice, ast.JoinedStr):
            pattern = "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"\w+" for p in child.slice.values)
            found |= {(folder, name) for name in statements().get(folder, {}) if re.fullmatch(pattern, name)}
        else:
            found |= {(folder, name) for name in statements().get(folder, {}) if name in constants(node)}
    return found


def constants(node: ast.AST) -> set[str]:
    """All strings below `node`."""
    return {child.value for child in ast.walk(node) if isinstance(child, ast.Constant) and isinstance(child.value, str)}


@cache
def all_used() -> set[tuple[str, str]]:
    return {use for m in house.modules() for use in used_statements(m.tree, all_bindings(m))}


def test_every_named_statement_is_used() -> None:
    named = {(folder, name) for folder, queries in statements().items() for name in queries}
    assert named - all_used() == set()


def test_every_statement_that_is_used_exists() -> None:
    named = {(folder, name) for folder, queries in statements().items() for name in queries}
    assert all_used() - named == set()


def test_statements_are_used_in_their_own_package() -> None:
    found = [
        f"{module.name} uses the statements of {folder}"
        for module in house.modules()
        for folder in all_bindings(module).values()
        if folder.split("/")[0] != module.package
    ]
    assert found == []


def test_patients_are_locked_in_id_order() -> None:
    text = without_comments(statements()["alerts"]["lock_patients"])
    assert re.search(r"\bFROM patient_state\b.*\bORDER BY (\w+\.)?patient\b.*\bFOR (NO KEY )?UPDATE\b", text, re.DOTALL | re.IGNORECASE)


def judging_statements() -> set[tuple[str, str]]:
    """(folder, name) of all statements that write alerts or the patients' states."""
    named = {(folder, name): text for folder, queries in statements().items() for name, text in queries.items()}
    return {key for key, text in named.items() if JUDGES.search(without_comments(text))}


def unlocked_ways(modules: tuple[Module, ...], judging: set[tuple[str, str]]) -> list[str]:
    """Ways, as `outer > inner`, to a statement that judges on which nobody has called `lock_patients`.

    Calls are followed upward from each function that runs such a statement. A way ends well at a function that locks, and badly at
    one that nobody calls.
    """
    graph = CallGraph(modules)
    judges = [
        function
        for module in modules
        for function in graph.of_module(module)
        if used_statements(function.node, all_bindings(module) if module in house.modules() else bindings(module)) & judging
    ]
    ways = {function: (function,) for function in judges if not graph.locks(function)}
    waiting, found = list(ways), []
    while waiting:
        inner = waiting.pop()
        outer = graph.callers(inner)
        if not outer:
            found.append(" > ".join(function.name for function in ways[inner]))
        for function in outer:
            if not graph.locks(function) and function not in ways:
                ways[function] = (function, *ways[inner])
                waiting.append(function)
    return sorted(found)


def test_whoever_judges_has_locked_the_patients_first() -> None:
    assert judging_statements(), "no statement writes alerts or states: the rule has nothing to hold"
    assert unlocked_ways(house.modules(), judging_statements()) == []


def test_a_way_around_the_lock_would_be_noticed() -> None:
    store = Module("alerts/store.py", 'SQL = queries("alerts")\ndef record(tx): tx.execute(SQL["fold"])')
    locked = Module("alerts/intake.py", "from alerts import store\ndef take(tx):\n store.lock_patients(tx)\n store.record(tx)")
    around = Module("alerts/acts.py", "from alerts.store import record\ndef close(tx): record(tx)")
    judging = {("alerts", "fold")}
    assert unlocked_ways((store, locked), judging) == []
    assert unlocked_ways((store, locked, around), judging) == ["close > record"]


def test_migrations_are_numbered_without_gaps() -> None:
    numbers = [int(Path(path).name[:4]) for path in sorted((ROOT / "dho/migrations").glob("*.sql"))]
    assert numbers == list(range(1, len(numbers) + 1))
