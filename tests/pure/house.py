"""The project's own source, parsed once, for the tests that hold the rules of the house."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("dho", "devices", "alerts", "dashboards")
"""From the base up; each imports only itself and those before it."""


@dataclass(frozen=True)
class Module:
    """One Python file of the packages. `name` is relative to the root: `alerts/store.py`."""

    name: str
    text: str

    @property
    def package(self) -> str:
        return self.name.split("/")[0]

    @property
    def dotted(self) -> str:
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @cached_property
    def imports(self) -> list[str]:
        """Dotted names of all it imports, wherever in the file; `from a import b` gives `a.b`."""
        found: list[str] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found += [f"{self._base(node)}.{alias.name}" for alias in node.names]
        return found

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.removesuffix(".py").split("/")[: -node.level]
        return ".".join([*parts, *([node.module] if node.module else [])])

    @cached_property
    def strings(self) -> list[tuple[int, str]]:
        """Line and text of every string that is not a docstring; the fixed parts of f-strings too."""
        bare = {id(node.value) for node in ast.walk(self.tree) if isinstance(node, ast.Expr)}
        return [
            (node.lineno, node.value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
        ]


@cache
def modules() -> tuple[Module, ...]:
    """All Python files of the four packages."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return tuple(Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths)


@cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Files of the four packages with these suffixes, without third parties' and generated ones."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*"))]
    return tuple(path for path in paths if path.suffix in suffixes and "vendor" not in path.parts)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    """All files under version control; all files at all where there is no git."""
    told = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / name for name in told.stdout.splitlines() if (ROOT / name).is_file()]


def dotted_name(node: ast.expr) -> str:
    """`a.b.c` as it is written; empty where it is something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted_name(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def calls(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and written name of every call below `node`; a method on an expression is `.name`."""
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            name = dotted_name(child.func)
            if not name and isinstance(child.func, ast.Attribute):
                name = f".{child.func.attr}"
            yield child.lineno, name
