"""Lets a kernel be compiled without what its settings rule out.

Most clusters have no gateway, no tiers, no pools that grow: half of the loop's code is about what they do not have. A
record of settings says by its type which of them are known (`setting_fields.KNOWN`): there numba reads a constant,
drops the branches that it closes, and never looks at what these would have called. The same sources make a kernel that
compiles in half of the time and asks less, and one for everything.
"""

import operator
from typing import Any

from numba.core import consts, ir, types
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.ir_utils import get_definition, guard
from numba.core.typed_passes import NativeLowering
from numba.core.untyped_passes import RewriteSemanticConstants

from blis.engine.reference import Reference
from blis.engine.setting_fields import KNOWN, KNOWN_TYPE
from blis.engine.unaliased import UnaliasedLowering

_KNOWN_TYPE = types.Integer.from_bitwidth(8 * KNOWN_TYPE().itemsize)


@register_pass(mutates_CFG=False, analysis_only=False)
class _KnownSettings(FunctionPass):  # type: ignore[misc]
    """Writes constants in the place of settings that are known, before branches are pruned."""

    _name = "known_settings"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        function = state.func_ir
        found = False
        for block in function.blocks.values():
            for statement in block.body:
                if isinstance(statement, ir.Assign):
                    value = _known_value(function, state.args, statement.value)
                    if value is not None:
                        _replace(function, statement, value)
                        found = True
        if found:
            function._consts = consts.ConstantInference(function)
        return found


def _known_value(function: Any, arguments: Any, value: Any) -> int | bool | None:
    """The constant that an expression is, if it reads a known setting, or negates one."""
    if not isinstance(value, ir.Expr):
        return None
    if value.op == "getattr" and value.attr in KNOWN:
        record = _type_of(function, arguments, value.value)
        is_known = isinstance(record, types.Record) and record.typeof(value.attr) == _KNOWN_TYPE
        return KNOWN[value.attr] if is_known else None
    if value.op == "unary" and value.fn in (operator.not_, "not"):
        operand = guard(get_definition, function, value.value)
        return not operand.value if isinstance(operand, ir.Const) else None
    return None


def _replace(function: Any, statement: Any, value: int | bool) -> None:
    constant = ir.Const(value, statement.loc)
    definitions = function._definitions[statement.target.name]
    definitions[definitions.index(statement.value)] = constant
    statement.value = constant


def _type_of(function: Any, arguments: Any, variable: Any) -> Any:
    """Type of a variable that is an argument, or a field of one; None for others."""
    definition = guard(get_definition, function, variable)
    if isinstance(definition, ir.Arg):
        return arguments[definition.index]
    if not (isinstance(definition, ir.Expr) and definition.op == "getattr"):
        return None
    owner = _type_of(function, arguments, definition.value)
    named = owner.target if isinstance(owner, Reference) else owner
    if not isinstance(named, types.containers.BaseNamedTuple):
        return None
    fields = named.instance_class._fields
    return named[fields.index(definition.attr)] if definition.attr in fields else None


class KernelCompiler(CompilerBase):  # type: ignore[misc]
    """numba's own passes, with known settings written in."""

    def define_pipelines(self) -> list[Any]:
        """The passes, in their order."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_KnownSettings, RewriteSemanticConstants)
        passes.add_pass_after(UnaliasedLowering, NativeLowering)
        passes.passes = [one for one in passes.passes if one[0] is not NativeLowering]
        passes.finalize()
        return [passes]
