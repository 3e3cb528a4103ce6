"""Tells the processor's cache what is soon to be read; what a run computes does not depend on it.

In a fleet most of what an event reads was last touched by events of other instances ago, and no longer lies near.
"""

from typing import Any

from llvmlite import ir
from numba.core import config, types
from numba.extending import intrinsic

from blis.engine._jit import kernel
from blis.engine.state import State
from blis.engine.views import World

_LINE_BYTES = 64
_READ, _KEEP, _DATA = 0, 3, 1  #: arguments of LLVM's `prefetch`: what for, how long, which cache


@intrinsic
def _ask_for(typing_context: Any, records: Any, index: Any, offset: Any) -> Any:
    """Let the cache line come that lies so many bytes behind the beginning of a record, in an array without gaps."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, word, byte = signature.args[0], ir.IntType(32), ir.IntType(8)
        size = context.get_constant(types.intp, kind.dtype.size)
        place = builder.add(builder.mul(arguments[1], size), arguments[2])
        begin = builder.bitcast(context.make_array(kind)(context, builder, arguments[0]).data, byte.as_pointer())
        how = [ir.Constant(word, value) for value in (_READ, _KEEP, _DATA)]
        asked = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), word, word, word])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [byte.as_pointer()], asked)
        builder.call(ask, [builder.gep(begin, [place]), *how])
        return context.get_dummy_value()

    return types.void(records, types.intp, types.intp), generate


def _leave(records: Any, index: int, offset: int) -> None:
    """Nothing: what it is without the compiler."""


_prefetch = _leave if config.DISABLE_JIT else _ask_for


@kernel
def prefetch_request(world: World, state: State, request: int) -> None:
    """Somebody arrives next, or ends in the next step."""
    for offset in range(0, state.requests.itemsize, _LINE_BYTES):
        _prefetch(state.requests, request, offset)
    for offset in range(0, world.workload.table.itemsize, _LINE_BYTES):
        _prefetch(world.workload.table, request, offset)
    if world.settings.has_gateway:
        for offset in range(0, state.gateway.requests.itemsize, _LINE_BYTES):
            _prefetch(state.gateway.requests, request, offset)
