"""The house rules: who may lean on whom, and through which door (bundle/README in docs/method/rooms.md)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "bundle"
# Rooms from the ground up: each may lean on those above it in this list, and on none below.
FLOORS = [
    ["common"],
    ["geometry", "phantom"],
    ["data", "dicom", "networks", "losses", "metrics", "report"],
    ["inferers", "transforms"],
    ["cohort"],
    ["cluster", "handlers"],
    ["label"],
    ["command"],
]
GEOMETRY = [
    ["core"], ["surface"], ["centerline"], ["naming"], ["measure", "io"], ["solver", "render", "compare"],
    ["case"],
]  # fmt: skip


def modules() -> dict[str, Path]:
    """Every module of the package, by its dotted name without ``bundle.``."""
    found = {}
    for path in BUNDLE.rglob("*.py"):
        if "without_torchvision" not in path.parts:
            name = ".".join(path.relative_to(BUNDLE).with_suffix("").parts)
            found[name.removesuffix(".__init__") if name != "__init__" else ""] = path
    return found


MODULES = modules()
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}


def imports(path: Path, module: str) -> list[tuple[str, list[str]]]:
    """What a file imports from the package: (module or package, names), whether relatively or not."""
    package = module if module in PACKAGES else module.rpartition(".")[0]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name[7:], []) for alias in node.names if alias.name.startswith("bundle.")]
        if not isinstance(node, ast.ImportFrom):
            continue
        source = node.module or ""
        if node.level and not path.is_relative_to(BUNDLE):
            continue  # among scripts
        if node.level:
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*base, *([source] if source else [])])
        elif source == "bundle" or source.startswith("bundle."):
            source = source[7:]
        else:
            continue
        found.append((source, [alias.name for alias in node.names]))
    return found


def room(name: str) -> str:
    return name.partition(".")[0]


def floor_of(name: str, floors: list[list[str]]) -> int:
    return next(number for number, rooms in enumerate(floors) if name in rooms)


def test_every_room_has_its_floor():
    assert {room(name) for name in MODULES if name} == {name for rooms in FLOORS for name in rooms}


def test_no_arrow_upwards():
    for module, path in MODULES.items():
        if not module:
            continue
        for source, _ in imports(path, module):
            if source and room(source) != room(module):
                below, above = floor_of(room(source), FLOORS), floor_of(room(module), FLOORS)
                assert below < above, f"{module} leans on {source}"


def test_the_rooms_of_the_geometry_lean_downwards_too():
    for module, path in MODULES.items():
        if not module.startswith("geometry.") or module.count(".") < 1 or module in PACKAGES:
            continue
        own = module.split(".")[1]
        for source, _ in imports(path, module):
            other = source.split(".")[1] if source.startswith("geometry.") else own
            if other != own:
                assert floor_of(other, GEOMETRY) < floor_of(own, GEOMETRY), f"{module}: {source}"


def packages_above(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(len(parts) + 1)}


@pytest.mark.parametrize("folder", ["bundle", "scripts"])
def test_other_rooms_are_entered_by_their_face(folder):
    """A module behind a face is imported by its own room only; those of `common` are faces themselves."""
    files = MODULES.items() if folder == "bundle" else [("", p) for p in (ROOT / "scripts").rglob("*.py")]
    for module, path in files:
        for source, names in imports(path, module):
            if not source or source.startswith("common"):
                continue
            is_own = source.rpartition(".")[0] in packages_above(module) - {""}
            assert source in PACKAGES or is_own, f"{path.name} reaches behind a face: {source}"
            hidden = [n for n in names if f"{source}.{n}" in MODULES and n not in face(source)]
            assert not hidden or source in packages_above(module), f"{path.name}: {source}.{hidden}"


def face(package: str) -> set[str]:
    """The names that a package gives out."""
    tree = ast.parse(MODULES[package].read_text())
    return {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_no_circle():
    """Of the imports at the top of modules, which are those that can lock each other out."""
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        targets = set()
        for source, names in imports(path, module):
            whole = [f"{source}.{name}" for name in names if f"{source}.{name}" in MODULES]
            targets |= set(whole) or ({source} if source in MODULES else set())
        graph[module] = targets - {module}
    done: set[str] = set()

    def visit(node: str, way: tuple[str, ...]) -> None:
        assert node not in way, f"a circle: {' > '.join([*way[way.index(node) :], node])}"
        if node not in done:
            for target in sorted(graph.get(node, ())):
                visit(target, (*way, node))
            done.add(node)

    for module in sorted(graph):
        visit(module, ())


@pytest.mark.parametrize("name", ["geometry", "phantom", "dicom", "report"])
def test_these_rooms_know_neither_monai_nor_ignite(name):
    for path in (BUNDLE / name).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not {n.partition(".")[0] for n in named} & {"monai", "ignite"}, path


def test_a_face_is_small():
    for package in PACKAGES - {""}:
        lines = MODULES[package].read_text().splitlines()
        assert len(lines) <= 60 and lines[0].startswith('"""'), package
