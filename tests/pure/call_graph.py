"""Who calls whom in the packages, as far as names tell: enough to follow a rule upward through the code."""

import ast
from dataclasses import dataclass, field

from tests.pure.house import Module, calls

LOCK = "lock_patients"


@dataclass(frozen=True, eq=False)
class Function:
    """A function or method. `called` are the names it calls, as written: `store.record`, `self.take`, `record`, `.take`."""

    module: Module
    node: ast.FunctionDef | ast.AsyncFunctionDef
    is_method: bool
    called: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def locks(self) -> bool:
        return self.name == LOCK or any(name.rpartition(".")[2] == LOCK for name in self.called)


class CallGraph:
    """Plain names and `module.name` are resolved through imports; a method call on an object reaches every method of that name."""

    def __init__(self, modules: tuple[Module, ...]) -> None:
        self._functions = [function for module in modules for function in _functions(module)]
        self._callers: dict[Function, list[Function]] = {function: [] for function in self._functions}
        plain = {(f.module.dotted, f.name): f for f in self._functions if not f.is_method}
        methods: dict[str, list[Function]] = {}
        for function in self._functions:
            if function.is_method:
                methods.setdefault(function.name, []).append(function)
        for caller in self._functions:
            imported = {name.rpartition(".")[2]: name for name in caller.module.imports}
            for written in caller.called:
                base, _, last = written.rpartition(".")
                whole = imported.get(written, f"{caller.module.dotted}.{written}") if not base else f"{imported.get(base, base)}.{last}"
                owner, _, name = whole.rpartition(".")
                if (owner, name) in plain:
                    self._callers[plain[owner, name]].append(caller)
                elif "." in written:
                    own = [m for m in methods.get(last, []) if m.module is caller.module]
                    for method in own if base == "self" and own else methods.get(last, []):
                        self._callers[method].append(caller)

    def of_module(self, module: Module) -> list[Function]:
        return [function for function in self._functions if function.module is module]

    def callers(self, function: Function) -> list[Function]:
        return [caller for caller in self._callers[function] if caller is not function]


def _functions(module: Module) -> list[Function]:
    """All functions of a module; what is defined inside another function belongs to that one."""
    found: list[Function] = []

    def walk(node: ast.AST, in_class: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                walk(child, True)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found.append(Function(module, child, in_class, frozenset(name for _, name in calls(child) if name)))
            elif not isinstance(child, ast.expr):
                walk(child, in_class)

    walk(module.tree, False)
    return found
