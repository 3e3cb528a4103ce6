"""What numba lacks for a loop of many helpers: named tuples by reference, and functions by address.

numba hands a tuple over by value, each array in it as seven machine words: passing the whole state from
helper to helper made the loop ten times slower and its compilation last minutes. A reference is one word,
and reads the field that is asked for when it is asked for. Without the compiler a reference is the tuple
itself.

A decision is a compiled function that the loop calls by its address, so exchanging it compiles nothing.
(numba's own first-class functions work the same way, but looking one up costs 50 µs for each of them, at
each call of the loop.) Without the compiler an address is the function itself.
"""

from hashlib import sha256
from typing import Any, TypeVar

from numba.core import cgutils, config, types
from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, lower_getattr_generic, models, register_model

_Tuple = TypeVar("_Tuple")
_NAMED = types.containers.BaseNamedTuple


class Reference(types.Type):
    """numba's type of a reference to a named tuple."""

    def __init__(self, target: Any) -> None:
        self.target = target
        super().__init__(name=f"Reference({target})")
        self._short_name = f"Reference{sha256(self.name.encode()).hexdigest()[:16]}"

    @property
    def mangling_args(self) -> tuple[str, tuple[object, ...]]:
        """What stands for this type in the name of every function that takes it.

        numba would spell out the whole type, every field of every record in it: names of 17,000 letters, nine tenths of
        what the disk cache holds and each process reads.
        """
        return self._short_name, ()


@register_model(Reference)
class _ReferenceModel(models.OpaqueModel):
    """One pointer."""


@intrinsic
def _refer(typing_context: Any, record: Any) -> Any:
    """A reference to `record`, valid until the calling kernel returns."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        slot = cgutils.alloca_once_value(builder, arguments[0])
        return builder.bitcast(slot, cgutils.voidptr_t)

    return Reference(record)(record), generate


@infer_getattr
class _ReferenceAttribute(AttributeTemplate):
    key = Reference

    def generic_resolve(self, reference: Reference, name: str) -> Any:
        fields = reference.target.instance_class._fields
        if name not in fields:
            return None
        field = reference.target[fields.index(name)]
        return Reference(field) if isinstance(field, _NAMED) else field


@lower_getattr_generic(Reference)
def _lower_attribute(context: Any, builder: Any, reference: Reference, value: Any, name: str) -> Any:
    index = reference.target.instance_class._fields.index(name)
    pointer = builder.bitcast(value, context.get_value_type(reference.target).as_pointer())
    place = cgutils.gep_inbounds(builder, pointer, 0, index)
    field = reference.target[index]
    if isinstance(field, _NAMED):
        return builder.bitcast(place, cgutils.voidptr_t)
    return impl_ret_borrowed(context, builder, field, builder.load(place))


@intrinsic
def _read(typing_context: Any, reference: Any) -> Any:
    """The named tuple behind a reference, by value."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(signature.args[0].target)
        return builder.load(builder.bitcast(arguments[0], kind.as_pointer()))

    return reference.target(reference), generate


def setter_of(name: str) -> Any:
    """An intrinsic that writes a field of the named tuple behind a reference, which whoever made it must allow."""

    @intrinsic
    def set_field(typing_context: Any, reference: Any, value: Any) -> Any:
        field = reference.target[reference.target.instance_class._fields.index(name)]

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            index = reference.target.instance_class._fields.index(name)
            pointer = builder.bitcast(arguments[0], context.get_value_type(reference.target).as_pointer())
            builder.store(arguments[1], cgutils.gep_inbounds(builder, pointer, 0, index))
            return context.get_dummy_value()

        return types.void(reference, field), generate

    return set_field


def _same(record: _Tuple) -> _Tuple:
    """The tuple itself: what a reference is without the compiler."""
    return record


def _caller_of(signature: Any) -> Any:
    """An intrinsic that makes a callable of `signature` from the address of a compiled function."""
    kind = types.FunctionType(signature)

    @intrinsic
    def function_at(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            function = cgutils.create_struct_proxy(kind)(context, builder)
            function.jit_addr = builder.inttoptr(arguments[0], cgutils.voidptr_t)
            function.c_addr = function.py_addr = cgutils.get_null_value(cgutils.voidptr_t)
            return function._getvalue()

        return kind(types.int64), generate

    return function_at


@intrinsic
def _call(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call a function by its address that was compiled for exactly these types, and returns an int64."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        kinds = tuple(signature.args[1])
        values = cgutils.unpack_tuple(builder, given[1], len(kinds))
        kind = context.call_conv.get_function_type(types.int64, kinds)
        function = builder.inttoptr(given[0], kind.as_pointer())
        status, result = context.call_conv.call_function(builder, function, types.int64, kinds, values)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return result

    return types.int64(types.int64, arguments), generate


def _call_itself(function: Any, arguments: Any) -> Any:
    """Call a function: what its address is without the compiler."""
    return function(*arguments)


def caller_of(signature: Any) -> Any:
    """A function from the address of a compiled function of `signature` to that function."""
    return _same if config.DISABLE_JIT else _caller_of(signature)


def address_of(function: Any) -> Any:
    """Address of the machine code of a function that was compiled for one signature."""
    if config.DISABLE_JIT:
        return function
    (result,) = function.overloads.values()
    return result.library.get_pointer_to_function(result.fndesc.llvm_func_name)


by_reference = _same if config.DISABLE_JIT else _refer
value_of = _same if config.DISABLE_JIT else _read
call_at = _call_itself if config.DISABLE_JIT else _call
