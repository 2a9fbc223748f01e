"""Parses and compiles modules of the standard library, and turns the trees into JSON and back:
parse.py COUNT. Prints what came out."""

import ast
import json
import pathlib
import sys
import sysconfig


def as_data(node):
    if isinstance(node, ast.AST):
        return {"kind": type(node).__name__,
                **{name: as_data(value) for name, value in ast.iter_fields(node)}}
    if isinstance(node, list):
        return [as_data(item) for item in node]
    return node if isinstance(node, (str, int, type(None))) else repr(node)


def main():
    modules = sorted(pathlib.Path(sysconfig.get_path("stdlib")).glob("[a-z]*.py"))
    code = text = 0
    for module in modules[: int(sys.argv[1])]:
        source = module.read_text(encoding="utf-8")
        tree = ast.parse(source)
        code += len(compile(tree, module.name, "exec").co_code)
        dump = json.dumps(as_data(tree))
        text += len(dump) + len(json.loads(dump)) + len(ast.unparse(tree))
    print(code, text)


main()
