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


class CallGraph:
    """Plain names and `module.name` are resolved through imports; a method call on an object reaches every method of that name in the
    caller's own module and in those that it imports.
    """

    def __init__(self, modules: tuple[Module, ...]) -> None:
        self._functions = [function for module in modules for function in _functions(module)]
        self._plain = {(f.module.dotted, f.name): f for f in self._functions if not f.is_method}
        self._methods: dict[str, list[Function]] = {}
        for function in self._functions:
            if function.is_method:
                self._methods.setdefault(function.name, []).append(function)
        self._callees = {caller: self._resolve(caller) for caller in self._functions}
        self._callers: dict[Function, list[Function]] = {function: [] for function in self._functions}
        for caller, callees in self._callees.items():
            for callee in callees:
                self._callers[callee].append(caller)
        self._locking = self._those_that_lock()

    def _resolve(self, caller: Function) -> set[Function]:
        imports = caller.module.imports
        imported = {name.rpartition(".")[2]: name for name in imports}
        found: set[Function] = set()
        for written in caller.called:
            base, _, last = written.rpartition(".")
            owner = imported.get(base, base) if base else imported.get(written, f"{caller.module.dotted}.{written}").rpartition(".")[0]
            if (owner, last) in self._plain:
                found.add(self._plain[owner, last])
            elif "." in written:
                methods = self._methods.get(last, [])
                near = [m for m in methods if m.module is caller.module]
                far = [m for m in methods if any(f"{name}.".startswith(f"{m.module.dotted}.") for name in imports)]
                found |= set(near if base == "self" and near else [*near, *far])
        return found

    def _those_that_lock(self) -> set[Function]:
        """Functions that call `lock_patients` themselves or through a plain function or a method of their own object."""
        locking = {f for f in self._functions if f.name == LOCK or any(name.rpartition(".")[2] == LOCK for name in f.called)}
        waiting = [f for f in locking if f.name != LOCK]
        while waiting:
            inner = waiting.pop()
            is_own = not inner.is_method
            for outer in self._callers[inner]:
                if outer not in locking and (is_own or f"self.{inner.name}" in outer.called):
                    locking.add(outer)
                    waiting.append(outer)
        return locking

    def locks(self, function: Function) -> bool:
        """Whether the patients are locked somewhere in it."""
        return function in self._locking

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
