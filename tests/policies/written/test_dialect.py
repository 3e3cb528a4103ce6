"""What source may hold, and what is said of source that holds something else."""

import pytest

from blis.foundation.errors import ConfigError
from blis.policies.written.dialect import Program, check_source

HEAD = "def route(view, request, params, memory, scores):\n"


def route(*lines: str, before: str = "") -> Program:
    """The program of a routing policy with these lines."""
    return check_source("routing", "routing", before + HEAD + "".join(f"    {line}\n" for line in lines))


def test_it_is_a_function_with_helpers_constants_and_imports() -> None:
    before = "import math\nfrom math import log1p as log\nLIMIT = 2 ** 20\nNAMES = ('a', -1.5)\n\n"
    before += (
        "def load(view: 'RouterView', instance: int = 0) -> float:\n    return math.sqrt(view.step_us[instance])\n\n"
    )

    program = route("scores[0] = load(view, 0) + log(LIMIT) * request.input_tokens", "return 0", before=before)

    assert program.functions == ("load", "route")
    assert program.reads == {"step_us", "input_tokens"}


def test_comments_and_docstrings_are_no_part_of_what_it_is() -> None:
    bare, told = route("return 0"), route('"""Words."""', "return 0  # a remark", before='"""More words."""\n')

    assert bare.digest == told.digest != route("return 1").digest
    assert told.summary == "More words."


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (["return open('/etc/passwd')"], "name 'open' does not exist here"),
        (["return open('/etc/passwd').read()"], "no view has a field 'read'"),
        (["return __import__('os')"], "name '__import__' does not exist"),
        (["return eval('1')"], "name 'eval' does not exist"),
        (["return getattr(view, 'x')"], "name 'getattr' does not exist"),
        (["return view.__class__.__mro__[1].__subclasses__()"], "no view has a field"),
        (["return ().__class__"], "no view has a field '__class__'"),
        (["return route.__globals__['x']"], "no view has a field '__globals__'"),
        (["return 'x{0.__class__}'.format(view)"], "no view has a field 'format'"),
        (["return f'{view}'"], "a formatted text has no place here"),
        (["return (x for x in [1]).gi_frame.f_back"], "no view has a field 'f_back'"),
        (["memory.base = 1", "return 0"], "attributes cannot be set"),
        (["view.queued_requests.ctypes", "return 0"], "no view has a field 'ctypes'"),
        (["try:", "    return 0", "except Exception:", "    return 1"], "try has no place here"),
        (["import os", "return 0"], "an import in a function has no place here"),
        (["global kept", "return 0"], "global has no place here"),
        (["with view:", "    return 0"], "with has no place here"),
        (["raise SystemExit", "return 0"], "raise has no place here"),
        (["yield 0"], "yield has no place here"),
        (["def inner():", "    return 0", "return inner()"], "a function in a function has no place here"),
        (["return (lambda *all: 0)()"], "functions take plain arguments only"),
        (["helper = route", "return 0"], "'route' can be called, and not be handed on"),
        (["return route(view, request, params, memory, scores)"], "'route' calls itself"),
        (["return 99999999999999999999"], "whole numbers have 64 bits"),
        (["return view.queued_request[0]"], "did you mean 'queued_requests'?"),
        (["return best"], "name 'best' does not exist here"),
        (["[].append.im_func", "return 0"], "no view has a field 'im_func'"),
        (["return [0][0](1)"], "what is called must be a function's name or a method"),
    ],
)
def test_what_it_has_no_business_with_is_refused(lines: list[str], rule: str) -> None:
    with pytest.raises(ConfigError) as caught:
        route(*lines)

    assert rule in str(caught.value)
    assert str(caught.value).startswith("routing.source, line ")


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("import os\n", "only math and best_instance of blis.engine.choice can be imported; got 'os'"),
        ("from os import system\n", "got 'os.system'"),
        ("from math import *\n", "got 'math.*'"),
        ("from . import x\n", "can be imported"),
        ("print(1)\n", "no statements beside them"),
        ("KEPT = []\n", "a module's constant is a number"),
        ("BIG = 10 ** 10 ** 10\n", "a module's constant is a number"),
        ("BIG = (1,) * 10 ** 9\n", "a module's constant is a number"),
        ("A = (1,)\nB = A * 9\n", "a module's constant is a number"),
        ("class Policy:\n    pass\n", "a policy's module holds imports, constants and functions only"),
        ("@staticmethod\ndef f(x):\n    return x\n", "functions have no decorators here"),
        ("def f(x=[]):\n    return x\n", "the default of an argument is a number"),
        ("def f(*x):\n    return x\n", "functions take plain arguments only"),
        ("def f(x):\n    return g(x)\n\ndef g(x):\n    return f(x)\n", "'f' calls itself"),
        ("A = 1\nA = 2\n", "'A' is defined twice"),
        ("def __init(x):\n    return x\n", "names with two underscores do not exist here"),
    ],
)
def test_what_a_module_has_no_business_with_is_refused(source: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=r"routing\.source, line ") as caught:
        route("return 0", before=source)

    assert rule in str(caught.value)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "must be the Python source of a policy"),
        (None, "must be the Python source of a policy"),
        ("def route(:\n", "routing.source must be Python; line 1"),
        ("x = 1\0\n", "must be Python"),
        ("(" * 400 + ")" * 400, "must be Python"),
        (HEAD + "    return " + "-" * 20_000 + "1\n", "routing.source"),
        (HEAD + "    return " + "1 + " * 7_000 + "1\n", "routing.source"),
        ("#" * 40_000, "must have at most 32000 letters; got 40000"),
        ("def admit(view, request, params, memory):\n    return 0\n", "a function route(view, request"),
        ("def route(view):\n    return 0\n", "it takes 1 arguments"),
    ],
)
def test_text_that_is_no_policy_is_refused_in_one_line(source: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_source("routing", "routing", source)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_some_questions_take_source() -> None:
    with pytest.raises(ConfigError, match="eviction"):
        check_source("eviction", "eviction", "def rank(view, params, memory):\n    return 0.0\n")
