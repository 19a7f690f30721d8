"""Reads a package's source as a house of rooms, without importing it: who imports whom, where and when.

Everything that can load a module counts as an import: the statements, also inside a function or under
``TYPE_CHECKING``; ``importlib.import_module``; ``importlib.resources.files``; and any constant string that is
exactly the name of a module of the package, which is how a table of lazily loaded modules is written.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

EVERYTHING_UNDER = ".*"
"""Ends the target of an import whose last part is only known at run time: ``titian.cli.*``."""

NOT_CONSTANT = "?"
"""The target of an ``import_module`` call that says nothing about what it loads."""


@dataclass(frozen=True)
class Import:
    """One place where a module may load another."""

    source: str
    target: str
    line: int
    late: bool
    """It happens when a function runs, not when the module is loaded."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line} imports {self.target}"


@dataclass(frozen=True)
class Function:
    """A function or method, from its ``def`` to its last line."""

    module: str
    name: str
    line: int
    lines: int


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    package: bool
    lines: int
    docstring: str | None
    imports: tuple[Import, ...]
    functions: tuple[Function, ...]


@dataclass(frozen=True)
class House:
    """All modules of one package, by dotted name."""

    name: str
    modules: dict[str, Module]

    def imports(self) -> Iterator[Import]:
        """Every import of every module."""
        for module in self.modules.values():
            yield from module.imports

    def inner(self) -> Iterator[Import]:
        """The imports of the package's own modules."""
        return (i for i in self.imports() if i.target == self.name or i.target.startswith(self.name + "."))

    def room(self, module: str) -> str:
        """The first name below the package: ``titian.core.stix`` is in ``core``, ``titian`` in ``""``."""
        _, _, rest = module.partition(".")
        return rest.partition(".")[0].removesuffix("*")

    def cycle(self) -> list[str]:
        """One cycle of modules that import each other when they are loaded, or nothing."""
        graph: dict[str, set[str]] = {name: set() for name in self.modules}
        for found in self.inner():
            if not found.late and found.target in graph and found.target != found.source:
                graph[found.source].add(found.target)
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            # graphlib names each module before those that need it: turned round, it reads "a imports b".
            return list(reversed(error.args[1]))
        return []


def read(folder: Path) -> House:
    """Read the package in ``folder``; the folder's name is the package's."""
    files = {_dotted(path, folder): path for path in sorted(folder.rglob("*.py"))}
    return House(folder.name, {name: _module(name, path, files) for name, path in files.items()})


def _dotted(path: Path, folder: Path) -> str:
    parts = path.relative_to(folder.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module(name: str, path: Path, known: Iterable[str]) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, filename=str(path))
    package = path.name == "__init__.py"
    reader = _Reader(name, package, frozenset(known))
    reader.visit(tree)
    return Module(
        name=name,
        package=package,
        lines=len(text.splitlines()),
        docstring=ast.get_docstring(tree),
        imports=tuple(reader.imports),
        functions=tuple(reader.functions),
    )


class _Reader(ast.NodeVisitor):
    def __init__(self, name: str, package: bool, known: frozenset[str]) -> None:
        self.imports: list[Import] = []
        self.functions: list[Function] = []
        self._name = name
        self._package = name if package else name.rpartition(".")[0]
        self._known = known
        self._depth: list[str] = []
        self._in_function = 0

    def _add(self, target: str, node: ast.AST, *, late: bool | None = None) -> None:
        line = getattr(node, "lineno", 0)
        self.imports.append(Import(self._name, target, line, bool(self._in_function) if late is None else late))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            parts = self._package.split(".")
            base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
        for alias in node.names:
            inside = f"{base}.{alias.name}"
            self._add(inside if inside in self._known else base, node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in {"import_module", "__import__", "files"}:
            self._add(self._loaded(node.args[0]) if node.args else NOT_CONSTANT, node)
        self.generic_visit(node)

    def _loaded(self, argument: ast.expr) -> str:
        """What ``import_module(argument)`` loads, as far as the source says it."""
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            return argument.value if not argument.value.startswith(".") else self._package + argument.value
        if isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
            return str(argument.values[0].value).rpartition(".")[0] + EVERYTHING_UNDER
        return NOT_CONSTANT

    def visit_Constant(self, node: ast.Constant) -> None:
        # "package.module:function" is how a server is told what to load.
        name = node.value.partition(":")[0] if isinstance(node.value, str) else ""
        # The name of a package that this module is in names a logger, and loads nothing.
        if name in self._known and not f"{self._name}.".startswith(f"{name}."):
            self._add(name, node, late=True)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._depth.append(node.name)
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        self.functions.append(Function(self._name, ".".join(self._depth), node.lineno, lines))
        for outside in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
            if outside is not None:
                self.visit(outside)
        self._in_function += 1
        for statement in node.body:
            self.visit(statement)
        self._in_function -= 1
        self._depth.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._definition(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._in_function += 1
        self.generic_visit(node)
        self._in_function -= 1

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._depth.append(node.name)
        self.generic_visit(node)
        self._depth.pop()
