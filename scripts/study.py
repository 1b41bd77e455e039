"""Measure a figure of docs/results again: a page, and the rows behind it as CSV.

    python scripts/study.py accuracy
    python scripts/study.py accuracy --count 2 --out trial      # while developing
    python scripts/study.py speed inference --image scan.nii.gz

A study writes docs/results/<study>.md and <study>.csv; one of several parts writes its part of the page.
"""

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from shared import PLAIN, run, with_examples


def add_studies(app: typer.Typer, folder: Path, package: str, words: Sequence[str]) -> None:
    """Give `app` a command for every module of `folder` that has a `main`, and a group for every package.

    Only the study that `words` name is imported, since torch and MONAI take seconds: of the others the source
    is read for the first sentence.
    """
    for path in sorted(folder.iterdir()):
        source = path / "__init__.py" if path.is_dir() else path
        if source.suffix != ".py" or not source.is_file():
            continue
        tree = ast.parse(source.read_text(encoding="utf-8"))
        about = ast.get_docstring(tree)
        chosen = words[:1] == [path.stem]
        if path.is_dir():
            parts = typer.Typer(**PLAIN, add_completion=False)
            add_studies(parts, path, f"{package}.{path.name}", words[1:] if chosen else ())
            app.add_typer(parts, name=path.name, help=with_examples(about))
        elif any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            main = importlib.import_module(f"{package}.{path.stem}").main if chosen else lambda: None
            app.command(path.stem, help=with_examples(about), short_help=about.split("\n")[0])(main)


def studies(words: Sequence[str]) -> typer.Typer:
    """The command line for `words`, the arguments of the program."""
    app = typer.Typer(**PLAIN, add_completion=False, help=with_examples(__doc__))
    add_studies(app, Path(__file__).parent / "studies", "studies", words)
    return app


if __name__ == "__main__":
    run(studies(sys.argv[1:]), __doc__)
