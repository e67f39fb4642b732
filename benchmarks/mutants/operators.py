"""The small changes of a module's source, each with a name that does not move with its line.

Left alone are words for people (docstrings, the literal parts of f-strings), annotations, decorators, and
`strict` of `zip`, which states what holds anyway.
"""

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.Add, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
_COMPILERS = ("compiled", "compiled_in_place")
_NEGATED = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)  # swapping these negates them
_NAMES = dict(
    pair
    for one, other in (
        ("min", "max"), ("any", "all"), ("floor", "ceil"), ("lstrip", "rstrip"), ("startswith", "endswith"),
        ("removeprefix", "removesuffix"), ("partition", "rpartition"), ("find", "rfind"),
    )
    for pair in ((one, other), (other, one))
)  # fmt: skip

ENTERED = "mutants_entered"
"""What a watched function calls with its name, if `sys` has it."""

Change = tuple[str, Callable[[], None]]
Place = tuple[ast.AST, str]


class Mutant(NamedTuple):
    """One change of a module."""

    name: str
    function: str
    """What holds the change: a function, a method `Class.name`, or a class or nothing for lines outside."""
    node: int
    change: int


def watched(source: str, path: str) -> str:
    """Return the source of a file with every function telling when it is entered."""
    tree = _parsed(source)
    for holder in (tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in holder.body:
            if isinstance(node, ast.FunctionDef):
                name = f"{holder.name}.{node.name}" if isinstance(holder, ast.ClassDef) else node.name
                call = f"getattr(__import__('sys'), {ENTERED!r}, len)({f'{path}:{name}'!r})"
                node.body.insert(0, ast.parse(call).body[0])
    return ast.unparse(tree)


def mutants(source: str, module: str) -> Iterator[Mutant]:
    """Yield every change of a module, in the order of its lines."""
    tree = _parsed(source)
    seen: Counter[str] = Counter()
    for index, (node, function) in enumerate(_places(tree, "")):
        for number, (words, _) in enumerate(_changes(node)):
            name = f"{module}:{function}: {words}"
            seen[name] += 1
            again = f" ({seen[name]})" if seen[name] > 1 else ""
            yield Mutant(f"{name}{again}", function, index, number)


def changed(source: str, mutant: Mutant) -> str:
    """Return the source with one change made."""
    tree = _parsed(source)
    node, _ = list(_places(tree, ""))[mutant.node]
    _changes(node)[mutant.change][1]()
    return ast.unparse(tree)


def _parsed(source: str) -> ast.Module:
    """Return a module whose kernels stay Python: compiling them again takes longer than all their tests."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [one for one in node.decorator_list if ast.unparse(one) not in _COMPILERS]
    return tree


def _places(node: ast.AST, function: str) -> Iterator[Place]:
    """Yield the nodes that may be changed, each with the outermost function that runs it."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inner = f"{function}{node.name}" if not function or function.endswith(".") else function
            for default in (*node.args.defaults, *filter(None, node.args.kw_defaults)):
                yield from _places(default, function)
            yield from _each(node.body, inner)
        case ast.ClassDef():
            yield from _each(node.body, function or f"{node.name}.")
        case ast.AnnAssign() if ast.unparse(node.annotation) != "TypeAlias":
            yield from _each([node.value] if node.value else [], function)
        case ast.JoinedStr():
            yield from _each([one for one in node.values if isinstance(one, ast.FormattedValue)], function)
        case ast.FormattedValue():
            yield from _places(node.value, function)
        case ast.Expr(value=ast.Constant()) | ast.AnnAssign() | ast.Import() | ast.ImportFrom():
            return
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.keyword(arg="strict"):
            return
        case ast.Subscript(value=ast.Name(id="Annotated" | "Mapping" | "Callable")):
            return
        case _:
            yield node, function.removesuffix(".") if function.endswith(".") else function
            yield from _each(list(ast.iter_child_nodes(node)), function)


def _each(nodes: list[ast.AST], function: str) -> Iterator[Place]:
    for node in nodes:
        yield from _places(node, function)


def _changes(node: ast.AST) -> list[Change]:
    """Return what may be changed at a node: in words, and how it is done in place."""
    text = ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
    said = text if len(text) <= 100 else f"{text[:97]}..."

    def put(field: str, value: object, words: str) -> Change:
        return f"{words} in `{said}`", lambda: setattr(node, field, value)

    def swap(op: ast.AST) -> str:
        return f"{type(op).__name__} to {_SWAPS[type(op)].__name__}"

    match node:
        case ast.Compare(ops=ops):
            return [
                put("ops", [*ops[:at], _SWAPS[type(op)](), *ops[at + 1 :]], swap(op))
                for at, op in enumerate(ops)
            ]
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in _SWAPS:
            return [put("op", _SWAPS[type(op)](), swap(op))]
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            return [put("operand", ast.UnaryOp(node.op, operand), f"{type(node.op).__name__} dropped")]
        case ast.Constant(value=bool(value)):
            return [put("value", not value, "flipped")]
        case ast.Constant(value=int(value) | float(value)):
            return [put("value", value + 1, "plus 1")]
        case ast.Constant(value=str(value)):
            return [put("value", "other text", "other text")]
        case ast.Constant(value=bytes(value)):
            return [put("value", b"other text", "other text")]
        case ast.Name(id=name) if name in _NAMES:
            return [put("id", _NAMES[name], f"to {_NAMES[name]}")]
        case ast.Attribute(attr=name) if name in _NAMES:
            return [put("attr", _NAMES[name], f"to {_NAMES[name]}")]
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if _plain(test):
            said = ast.unparse(test)
            return [put("test", ast.UnaryOp(ast.Not(), test), "condition negated")]
        case ast.comprehension(ifs=[test]) if _plain(test):
            said = ast.unparse(test)
            return [put("ifs", [ast.UnaryOp(ast.Not(), test)], "condition negated")]
        case ast.Expr(value=ast.Call()):
            return [put("value", ast.Constant(None), "call dropped")]
        case ast.For() | ast.While() | ast.If():
            return []
    return []


def _plain(test: ast.expr) -> bool:
    """Return whether no other change negates the whole condition."""
    if isinstance(test, ast.UnaryOp):
        return False
    return not (isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], _NEGATED))
