"""The rules of the house, held by tests: who imports whom, who reads the clock, what stays pure, where the database is entered."""

import ast
import re
import subprocess
import sys

import pytest

from dho.settings import Settings, settings_table
from tests.pure import house
from tests.pure.house import ROOT, Module

ENTRANCE = "dho/__main__.py"
CLOCK = "dho/clock.py"
DATABASE_DOORS = ("dho/db.py", "dho/migrate.py", "dho/embedded.py")
PURE = (
    *("dho/evaluation.py", "dho/rules/", "dho/scores/", "dho/plan", "dho/codes.py", "dho/units.py", "dho/schedule.py", "dho/state.py"),
    *("dho/national_plan.py", "dho/start_up.py", "alerts/approvals.py", "alerts/validity.py"),
    *("alerts/rehearsal.py", "alerts/rehearsed.py", "alerts/comparison.py"),
    *("devices/decode/", "alerts/lifecycle.py", "alerts/acts.py", "alerts/escalation.py", "dashboards/frames.py"),
)
IMPURE_IMPORTS = (
    *("psycopg", "psycopg_pool", "sqlalchemy", "sqlmodel", "paho", "os", "socket", "requests", "httpx", "urllib.request", "subprocess"),
    *("threading", "asyncio", "time", "random", "secrets", "logging", "apscheduler"),
    *("dho.db", "dho.clock", "dho.log", "dho.settings", "dho.migrate", "dho.embedded"),
)
IMPURE_CALLS = {"open", "print", "input"}
IMPURE_METHODS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "iterdir", "glob", "rglob"}
DRAWERS = re.compile(r"(utils?|helpers?|common|misc|manager|service)s?\.(py|js)$")
LONGEST_FILE = 400


def is_of(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def pure_modules() -> list[Module]:
    return [module for module in house.modules() if module.name.startswith(PURE)]


def test_arrows_point_down_only() -> None:
    upward = []
    for module in house.modules():
        if module.name == ENTRANCE:
            continue
        higher = house.PACKAGES[house.PACKAGES.index(module.package) + 1 :]
        upward += [f"{module.name} imports {name}" for name in module.imports if name.split(".")[0] in higher]
    assert upward == []


def test_nobody_imports_the_entrance() -> None:
    found = [m.name for m in house.modules() if any(is_of(name, ("dho.__main__",)) for name in m.imports)]
    assert found == []


def test_the_packages_never_import_their_tests_or_what_only_tests_need() -> None:
    test_only = ("tests", "pytest", "hypothesis", "playwright", "httpx", "psutil", "jsonschema", "_pytest")
    found = [f"{m.name} imports {name}" for m in house.modules() for name in m.imports if is_of(name, test_only)]
    assert found == []


def test_any_module_can_be_imported_first() -> None:
    """A circle of imports works or fails by who was imported before."""
    names = [module.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for module in house.modules()]
    names = [name for name in names if name.startswith("dho.") and name != "dho.__main__"]
    first = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    for known in [known for known in sys.modules if known.split('.')[0] == 'dho']:\n"
        "        del sys.modules[known]\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", first, *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def clock_readings(module: Module) -> list[str]:
    """Where a module reads the wall clock, by whatever name it imported it."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            name = house.dotted_name(node)
            on_dates = re.search(r"(^|\.)(datetime|date|Timestamp)\.(now|utcnow|today)$", name)
            on_time = re.search(r"(^|\.)time\.(time|time_ns|localtime|gmtime|ctime|asctime)$", name)
            if on_dates or on_time:
                found.append(f"{module.name}:{node.lineno} {name}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            taken = {alias.name for alias in node.names} & {"time", "time_ns", "localtime", "gmtime", "ctime", "asctime"}
            found += [f"{module.name}:{node.lineno} from time import {name}" for name in sorted(taken)]
    return found


def test_only_the_clock_reads_the_clock() -> None:
    assert [line for module in house.modules() if module.name != CLOCK for line in clock_readings(module)] == []


@pytest.mark.parametrize(
    "line",
    ["datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()", "time.time()", "clock = time.time_ns", "from time import time"],
)
def test_every_way_of_reading_the_clock_would_be_noticed(line: str) -> None:
    assert clock_readings(Module("alerts/x.py", line))


@pytest.mark.parametrize("line", ["time.monotonic()", "time.perf_counter()", "clock.now()", "datetime.fromisoformat(text)"])
def test_monotonic_time_and_the_clock_itself_are_free(line: str) -> None:
    assert not clock_readings(Module("alerts/x.py", line))


def impurities(module: Module) -> list[str]:
    found = [f"{module.name} imports {name}" for name in module.imports if is_of(name, IMPURE_IMPORTS)]
    for line, name in house.calls(module.tree):
        if name in IMPURE_CALLS or ("." in name and name.rpartition(".")[2] in IMPURE_METHODS):
            found.append(f"{module.name}:{line} calls {name}")
    return found


def test_what_must_be_pure_is_pure() -> None:
    assert len(pure_modules()) > 5
    assert [line for module in pure_modules() for line in impurities(module)] == []


@pytest.mark.parametrize("line", ["import os", "from psycopg import sql", "from dho import clock", "open('x')", "Path('x').read_text()"])
def test_impure_lines_would_be_noticed(line: str) -> None:
    assert impurities(Module("dho/rules/x.py", line))


def database_entries(module: Module) -> list[str]:
    found = [f"{module.name} imports {name}" for name in module.imports if name in ("psycopg.connect", "sqlalchemy.create_engine")]
    found += [f"{module.name} imports {name}" for name in module.imports if is_of(name, ("psycopg_pool",))]
    for line, name in house.calls(module.tree):
        is_connection = name in ("psycopg.connect", "Connection.connect", "AsyncConnection.connect")
        if is_connection or name.endswith((".Connection.connect", ".AsyncConnection.connect", "create_engine", "create_async_engine")):
            found.append(f"{module.name}:{line} calls {name}")
    return found


def test_the_database_is_entered_by_its_own_doors_only() -> None:
    assert [line for m in house.modules() if m.name not in DATABASE_DOORS for line in database_entries(m)] == []


def test_every_module_says_what_it_is() -> None:
    silent = [module.name for module in house.modules() if module.tree.body and not ast.get_docstring(module.tree)]
    assert silent == []


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    lengths = {
        house.relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in house.files(".py", ".js", ".html", ".css")
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_no_file_is_a_drawer_without_a_name() -> None:
    assert [path.name for path in (*house.files(".py", ".js"), *(ROOT / "tests").rglob("*.py")) if DRAWERS.search(path.name)] == []


def test_the_readme_tells_every_setting_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    documented = [line for line in readme if line.startswith("| `DHO_")]
    assert documented == settings_table()


def test_every_setting_that_the_code_names_exists() -> None:
    known = {f"DHO_{name.upper()}" for name in Settings.model_fields} | {"DHO_TEST_CLOCK"}
    named = {
        (name, module.name)
        for module in house.modules()
        for _, text in module.strings
        for name in re.findall(r"\bDHO_[A-Z][A-Z_]*[A-Z]\b", text)
    }
    assert {(name, where) for name, where in named if name.removesuffix("_FILE") not in known} == set()
