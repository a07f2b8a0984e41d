"""Ways in which a copy is disguised: Python source -> the same program, written differently.

Each takes a source and returns one; none of them changes what the program does.
"""

import ast
import builtins
import io
import keyword
import random
import tokenize

IMPOSED = {"forward", "generate", "self", "__init__", "super"}


def renamed(source):
    """Give each name that the source itself binds, but for classes and attributes, a new one."""
    tree = ast.parse(source)
    bound = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.FunctionDef):
            bound.add(node.name)
    bound -= {*IMPOSED, *dir(builtins), *keyword.kwlist}
    new = {name: f"renamed_{number}" for number, name in enumerate(sorted(bound))}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = source.splitlines(keepends=True)
    for token in sorted(tokens, key=lambda token: token.start, reverse=True):
        if token.type == tokenize.NAME and token.string in new:
            row, (begin, end) = token.start[0] - 1, (token.start[1], token.end[1])
            lines[row] = lines[row][:begin] + new[token.string] + lines[row][end:]
    return "".join(lines)


def reordered(source):
    """Turn round the order of the functions of each class, and of functions beside each other."""
    lines = source.splitlines(keepends=True)

    def turned(body):
        runs, run = [], []
        for node in body:
            if isinstance(node, ast.FunctionDef):
                run.append(node)
            else:
                runs.append(run)
                run = []
        for row in (*runs, run):
            spans = [(_first(node) - 1, node.end_lineno) for node in row]
            texts = [lines[begin:end] for begin, end in spans]
            for (begin, end), text in zip(reversed(spans), texts, strict=True):
                lines[begin:end] = ["".join(text)] + [""] * (end - begin - 1)

    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            turned(node.body)
    turned(tree.body)
    return "".join(lines)


def commented(source):
    """Put a comment behind each line that ends with a bracket."""
    lines = source.splitlines()
    return "\n".join(
        f"{line}  # my own idea" if line.endswith((")", "]")) else line for line in lines
    )


def padded(source, every=3):
    """Put a statement that does nothing before one in ``every`` of each function's statements."""
    rng = random.Random(source)
    lines = source.splitlines()
    for node in sorted(_functions(source), key=lambda node: -node.body[0].lineno):
        if node.body[0].lineno == node.lineno:
            continue
        indent = " " * node.body[0].col_offset
        dead = (
            [f"{indent}unused = [{rng.randrange(9)}, {rng.randrange(9)}]"],
            [f"{indent}if len(__name__) < 0:", f"{indent}    print('never')"],
            [f"{indent}for unused in range(0):", f"{indent}    pass"],
        )
        for statement in reversed(node.body[::every]):
            where = _first(statement) - 1
            lines[where:where] = rng.choice(dead)
    return "\n".join(lines) + "\n"


def padded_everywhere(source):
    """Put a statement that does nothing before each one."""
    return padded(source, every=1)


def all_of_them(source):
    """Disguise in every way, one after the other."""
    return commented(padded(reordered(renamed(source))))


DISGUISES = {
    "renamed": renamed,
    "reordered": reordered,
    "commented": commented,
    "padded": padded,
    "padded everywhere": padded_everywhere,
    "all four": all_of_them,
}


def _functions(source):
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]


def _first(node):
    """Return the line that a statement begins in, its decorators included."""
    return min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
